// The default site and the manual: what `./server -c conf` serves out of the box, and what it says about
// itself.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/build_info.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string replaced(std::string text, std::string_view what, const std::string& with) {
    const std::size_t at = text.find(what);
    EXPECT_NE(at, std::string::npos) << what;
    return at == std::string::npos ? text : text.replace(at, what.size(), with);
}

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
}

class DefaultSite : public testing::TestWithParam<const char*> {};

// What is shipped, with a free port.
TEST_P(DefaultSite, IsValidAndServes) {
    const std::string name = GetParam();
    ServerOptions options;
    options.config_name = name;
    options.start = false;
    Server site("", options);
    std::filesystem::copy(source_folder() + "/conf", site.folder() / "conf",
                          std::filesystem::copy_options::recursive);
    std::filesystem::copy(source_folder() + "/conf/mime.types", site.folder() / "mime.types");
    const std::string shipped = content_of(source_folder() + "/conf/" + name);
    site.set_config(
        replaced(replaced(shipped, "8080", std::to_string(site.port())), "logs/berth.pid", "berth.pid"));
    ASSERT_TRUE(site.start()) << site.err() << site.error_log();
    const Response page = fetch(site.port(), "/");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.header("Content-Type"), "text/html");
    EXPECT_NE(page.body.find("Berth is running"), std::string::npos);
    EXPECT_EQ(fetch(site.port(), "/favicon.svg").header("Content-Type"), "image/svg+xml");
    EXPECT_EQ(fetch(site.port(), "/nothing").status, 404);
    EXPECT_EQ(fetch(site.port(), "/50x.html").status, 404) << "internal";
    EXPECT_NE(site.out().find("http://"), std::string::npos)
        << "the greeting names the address: " << site.out();
    site.signal(2);
    EXPECT_EQ(site.wait_exit(), 0) << "Ctrl-C ends it cleanly";
}

INSTANTIATE_TEST_SUITE_P(Both, DefaultSite, testing::Values("cluster.yaml", "nginx.conf"));

TEST(Manual, TheSchemaIsJson) {
    if (!has_program("python3")) GTEST_SKIP() << "python3 reads the JSON";
    const RunResult schema = run_program({server_program(), "--schema"});
    ASSERT_EQ(schema.code, 0);
    if (kLeavesModulesOut && schema.out.find("\"proxy_http_version\"") == std::string::npos) {
        GTEST_SKIP() << "this build leaves modules out: proxy_http_version";
    }
    RunOptions options;
    options.input = schema.out;
    const RunResult read = run_program(
        {"python3", "-c",
         "import json,sys; s=json.load(sys.stdin); d=s['definitions']; print(s['$schema'], len(d) > 50)\n"
         "blocks=[d[name] for name in d if name[0] == '$' and 'properties' in d[name]]\n"
         "print(len(blocks) > 5, all('include' in block['properties'] for block in blocks))\n"
         "print(1.1 in d['proxy_http_version']['enum'], '1.1' in d['proxy_http_version']['enum'])\n"},
        options);
    EXPECT_EQ(read.code, 0) << read.err;
    EXPECT_NE(read.out.find("draft-07/schema# True\nTrue True\nTrue True\n"), std::string::npos) << read.out;
}

TEST(Manual, ExplainsDirectives) {
    const RunResult help = run_program({server_program(), "--help", "client_max_body_size"});
    EXPECT_EQ(help.code, 0);
    EXPECT_NE(help.out.find("1m"), std::string::npos) << help.out;
    EXPECT_NE(help.out.find("http, server, location"), std::string::npos) << help.out;
    const RunResult include = run_program({server_program(), "--help", "include"});
    EXPECT_EQ(include.code, 0);
    EXPECT_NE(include.out.find("any block"), std::string::npos) << include.out;
    const RunResult near = run_program({server_program(), "--help", "client_max_body_sise"});
    EXPECT_NE((near.out + near.err).find("client_max_body_size"), std::string::npos);
}

TEST(Manual, ConvertsThereAndBack) {
    ServerOptions options;
    options.start = false;
    Server server(
        R"(http { server { listen 127.0.0.1:{port}; server_name a "b c"; location ~* \.(gif|png)$ { return 200 "x y;\n"; }
        location / { add_header X-A "q\"q" always; return 301 https://$host$request_uri; } } })",
        options);
    const std::string yaml = server.command({"-T", "--format=yaml"}).out;
    ServerOptions as_yaml;
    as_yaml.config_name = "test.yaml";
    as_yaml.start = false;
    Server other("", as_yaml);
    other.set_config(yaml);
    const std::string nginx = other.command({"-T", "--format=nginx"}).out;
    server.set_config(nginx);
    EXPECT_EQ(server.command({"-T", "--format=yaml"}).out, yaml);
}

}  // namespace
}  // namespace berth::test

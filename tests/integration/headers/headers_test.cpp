// add_header, add_trailer, expires and charset on a real server.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string http(std::string_view statements) {
    return "http { access_log off; server { listen 127.0.0.1:{port}; root {dir}; " + std::string(statements) +
           " } }";
}

TEST(AddHeader, OnlyUsualStatusesUnlessAlways) {
    Server server(http(R"(add_header X-A a; add_header X-B "b $uri" always; add_header X-Empty "";
        location /ok { return 200 x; } location /bad { return 404 x; })"));
    const Response ok = fetch(server.port(), "/ok");
    EXPECT_EQ(ok.header("X-A"), "a");
    EXPECT_EQ(ok.header("X-B"), "b /ok");
    EXPECT_FALSE(ok.has("X-Empty"));
    const Response bad = fetch(server.port(), "/bad");
    EXPECT_FALSE(bad.has("X-A"));
    EXPECT_EQ(bad.header("X-B"), "b /bad");
}

TEST(AddHeader, ABlockThatHasOneInheritsNone) {
    Server server(http(
        "add_header X-A a; location / { return 200 x; } location /own { add_header X-B b; return 200 x; }"));
    EXPECT_EQ(fetch(server.port(), "/").header("X-A"), "a");
    const Response own = fetch(server.port(), "/own");
    EXPECT_FALSE(own.has("X-A"));
    EXPECT_EQ(own.header("X-B"), "b");
}

TEST(AddHeader, OwnFieldsAreReplaced) {
    ServerOptions options;
    options.start = false;
    Server server(http(R"(location / { add_header Last-Modified ""; add_header ETag '"own"'; })"), options);
    server.folder().write("f.txt", "x");
    ASSERT_TRUE(server.start());
    const Response response = fetch(server.port(), "/f.txt");
    EXPECT_EQ(response.status, 200);
    EXPECT_FALSE(response.has("Last-Modified"));
    EXPECT_EQ(response.header("ETag"), "\"own\"");
}

TEST(AddTrailer, ComesBehindTheBody) {
    Server server(http(R"(location / { add_trailer X-T "t $status"; return 200 body; })"));
    Client client(server.port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
    const std::string all = client.read_all();
    EXPECT_NE(all.find("Transfer-Encoding: chunked"), std::string::npos) << all;
    EXPECT_TRUE(all.ends_with("4\r\nbody\r\n0\r\nX-T: t 200\r\n\r\n")) << all;
}

TEST(ExpiresField, EveryForm) {
    Server server(
        http(R"(location /hour { expires 1h; return 200 x; } location /past { expires -1; return 200 x; }
        location /epoch { expires epoch; return 200 x; } location /max { expires max; return 200 x; }
        location /off { expires off; return 200 x; } location /bad { expires 1h; return 404 x; }
        location /var { expires $arg_e; return 200 x; } location /daily { expires @0h; return 200 x; })"));
    auto cache_control = [&](std::string_view path) {
        return fetch(server.port(), path).header("Cache-Control");
    };
    EXPECT_EQ(cache_control("/hour"), "max-age=3600");
    EXPECT_TRUE(fetch(server.port(), "/hour").has("Expires"));
    EXPECT_EQ(cache_control("/past"), "no-cache");
    EXPECT_EQ(fetch(server.port(), "/epoch").header("Expires"), "Thu, 01 Jan 1970 00:00:01 GMT");
    EXPECT_EQ(cache_control("/max"), "max-age=315360000");
    EXPECT_EQ(cache_control("/off"), "");
    EXPECT_EQ(cache_control("/bad"), "");
    EXPECT_EQ(cache_control("/var?e=30d"), "max-age=2592000");
    EXPECT_EQ(cache_control("/var?e=nonsense"), "");
    EXPECT_TRUE(cache_control("/daily").starts_with("max-age="));
}

TEST(Charset, IsNamedForTexts) {
    Server server(http(R"(charset utf-8; location / { default_type text/plain; return 200 x; }
        location /image { default_type image/png; return 200 x; }
        location /off { charset off; default_type text/plain; return 200 x; }
        location /own { default_type "text/plain; charset=koi8-r"; return 200 x; })"));
    auto type = [&](std::string_view path) { return fetch(server.port(), path).header("Content-Type"); };
    EXPECT_EQ(type("/"), "text/plain; charset=utf-8");
    EXPECT_EQ(type("/image"), "image/png");
    EXPECT_EQ(type("/off"), "text/plain");
    EXPECT_EQ(type("/own"), "text/plain; charset=koi8-r");
}

TEST(Charset, TypesSayWhichTextsHaveOne) {
    Server server(http(R"(charset utf-8; charset_types application/json Text/CSS;
        location /json { default_type application/json; return 200 x; }
        location /css { default_type text/css; return 200 x; }
        location /html { default_type text/html; return 200 x; }
        location /plain { default_type text/plain; return 200 x; }
        location /all { charset_types *; default_type image/svg+xml; return 200 x; })"));
    auto type = [&](std::string_view path) { return fetch(server.port(), path).header("Content-Type"); };
    EXPECT_EQ(type("/json"), "application/json; charset=utf-8");
    EXPECT_EQ(type("/css"), "text/css; charset=utf-8");
    EXPECT_EQ(type("/html"), "text/html; charset=utf-8") << "always";
    EXPECT_EQ(type("/plain"), "text/plain");
    EXPECT_EQ(type("/all"), "image/svg+xml; charset=utf-8");
}

}  // namespace
}  // namespace berth::test

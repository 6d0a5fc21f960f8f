// allow, deny and satisfy on a real server.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

int status(const Server& server, std::string_view path) { return fetch(server.port(), path).status; }

TEST(Access, FirstRuleThatFitsCounts) {
    Server server(R"(http { access_log off; server { listen 127.0.0.1:{port}; root {dir};
        location /all { deny all; }
        location /first { allow 127.0.0.1; deny all; }
        location /second { deny 127.0.0.0/8; allow all; }
        location /nobody { deny 10.0.0.0/8; }
        location /all/inner { allow all; } } })");
    EXPECT_EQ(status(server, "/all"), 403);
    EXPECT_EQ(status(server, "/first"), 404) << "it may, and there is no such file";
    EXPECT_EQ(status(server, "/second"), 403);
    EXPECT_EQ(status(server, "/nobody"), 404);
    EXPECT_EQ(status(server, "/all/inner"), 404);
    EXPECT_TRUE(server.wait_log("access forbidden by rule"));
}

TEST(Access, RulesAreInherited) {
    Server server(R"(http { access_log off; deny all; server { listen 127.0.0.1:{port}; root {dir};
        location / { } location /open { allow all; } } })");
    EXPECT_EQ(status(server, "/x"), 403);
    EXPECT_EQ(status(server, "/open"), 404);
}

TEST(Access, ReturnComesBeforeAccess) {
    Server server(
        "http { access_log off; server { listen 127.0.0.1:{port}; deny all; location / { return 200 x; } } "
        "}");
    EXPECT_EQ(status(server, "/"), 200) << "rewrites run before anybody asks who may, as in nginx";
}

TEST(Access, YamlKeepsTheOrder) {
    ServerOptions options;
    options.config_name = "test.yaml";
    options.start = false;
    Server server("", options);
    server.folder().write("rules.conf", "deny 127.0.0.1; allow all;");
    server.set_config(
        "http:\n  access_log: off\n  server:\n    listen: 127.0.0.1:{port}\n    root: {dir}\n"
        "    _: [ {deny: 127.0.0.1}, {allow: 127.0.0.0/8}, {deny: all} ]\n");
    ASSERT_TRUE(server.start()) << server.err();
    EXPECT_EQ(status(server, "/"), 403);
}

}  // namespace
}  // namespace berth::test

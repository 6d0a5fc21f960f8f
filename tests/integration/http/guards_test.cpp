// What keeps blocks closed and requests apart: inheritance of `internal`, addresses, error pages, unread
// bodies.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string http(std::string_view statements) {
    return "http { access_log off; server { listen 127.0.0.1:{port}; absolute_redirect off; " +
           std::string(statements) + " } }";
}

TEST(Guards, InternalHoldsForInnerLocations) {
    Server server(http(R"(
        location /private/ { internal; location ~ \.mp4$ { return 200 film; } }
        location /late/ { location /late/in/ { return 200 late; } internal; }
        error_page 418 = /private/a.mp4;
        location /inside { return 418; })"));
    EXPECT_EQ(fetch(server.port(), "/private/a.mp4").status, 404);
    EXPECT_EQ(fetch(server.port(), "/late/in/x").status, 404);
    EXPECT_EQ(fetch(server.port(), "/inside").body, "film");
}

TEST(Guards, AnAddressWithASocketOfItsOwnKeepsItsServers) {
    Server server(R"(http { access_log off;
        server { listen 127.0.0.1:{port2} bind; server_name a; return 200 a; }
        server { listen 127.0.0.1:{port2}; server_name b; return 200 b; }
        server { listen 127.0.0.1:{port}; return 200 other; } })");
    Client client(server.port(2));
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: b\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "b");
}

TEST(Guards, TheTargetOfAbsoluteFormIsItsPath) {
    Server server(http("location / { return 200 \"$request_uri|$uri\"; }"));
    Client client(server.port());
    ASSERT_TRUE(client.send("GET http://a/x?y=1 HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "/x?y=1|/x");
    ASSERT_TRUE(client.send("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "/|/");
}

TEST(Guards, RewritesOfTheServerAreNotRunTwice) {
    Server server(http(R"(
        set $n "";
        rewrite ^/a$ /b last;
        location = /b { set $n "${n}x"; return 200 "$n"; })"));
    EXPECT_EQ(fetch(server.port(), "/a").body, "x");
}

TEST(Guards, AnUnreadBodyMayNotGoOnForever) {
    Server server(http("client_max_body_size 1k; location / { return 200 ok; }"));
    Client client(server.port());
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    EXPECT_EQ(client.read_response().status, 200);
    const std::string chunk = "400\r\n" + std::string(0x400, 'x') + "\r\n";
    for (int i = 0; i < 8; ++i) client.send(chunk);
    client.send("0\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.read_all(), "") << "closed without another answer";
    EXPECT_TRUE(server.wait_log("not read to its end: it is too large", 1));
}

TEST(Guards, ErrorPagesMayNotBecomeInterimAnswers) {
    Server server(
        http("error_page 404 =200 /page; location = /page { return 200 page; } location / { return 404; }"));
    EXPECT_EQ(fetch(server.port(), "/x").status, 200);
    server.set_config(http("error_page 404 =100 /page;"));
    const RunResult test = server.command({"-t"});
    EXPECT_EQ(test.code, 1);
    EXPECT_NE(test.err.find("invalid status \"=100\""), std::string::npos) << test.err;
}

}  // namespace
}  // namespace berth::test

// The limits of heads and bodies, and what the answer is when one is passed.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string http(std::string_view statements) {
    return "http { access_log access.log; server { listen 127.0.0.1:{port}; " + std::string(statements) +
           " } }";
}

std::string of(char c, std::size_t count) { return std::string(count, c); }

// The status of one request on a connection of its own, and "close" when the answer ends it.
std::string answer(const Server& server, const std::string& request) {
    Client client(server.port());
    client.send(request);
    const Response response = client.read_response();
    return std::to_string(response.status) + (response.says_close() ? " close" : "");
}

TEST(HeadLimits, LinesAndHeads) {
    Server server(http(R"(client_header_buffer_size 128; large_client_header_buffers 2 512;
        location / { return 200 ok; })"));
    EXPECT_EQ(answer(server, "GET /" + of('a', 400) + " HTTP/1.1\r\nHost: a\r\n\r\n"), "200");
    EXPECT_EQ(answer(server, "GET /" + of('a', 600) + " HTTP/1.1\r\nHost: a\r\n\r\n"), "414 close");
    EXPECT_EQ(answer(server, "GET / HTTP/1.1\r\nHost: a\r\nX: " + of('a', 400) + "\r\n\r\n"), "200");
    EXPECT_EQ(answer(server, "GET / HTTP/1.1\r\nHost: a\r\nX: " + of('a', 600) + "\r\n\r\n"), "431 close");
    const std::string line = "X: " + of('a', 300) + "\r\n";
    EXPECT_EQ(answer(server, "GET / HTTP/1.1\r\nHost: a\r\n" + line + line + line + line + "\r\n"),
              "431 close");
    // A limit is met as soon as it is passed, not when the line is complete.
    EXPECT_EQ(answer(server, "GET /" + of('a', 600)), "414 close");
}

TEST(HeadLimits, NumberOfFields) {
    Server server(http(R"(max_headers 3; location / { return 200 ok; })"));
    EXPECT_EQ(answer(server, "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\n\r\n"), "200");
    EXPECT_EQ(answer(server, "GET / HTTP/1.1\r\nHost: a\r\nA: 1\r\nB: 2\r\nC: 3\r\n\r\n"), "431 close");
}

TEST(HeadLimits, OddNames) {
    Server server(R"(http { access_log off;
        server { listen 127.0.0.1:{port}; location / { return 200 "[$http_a_b]"; } }
        server { listen 127.0.0.1:{port1}; underscores_in_headers on; location / { return 200 "[$http_a_b]"; } }
        server { listen 127.0.0.1:{port2}; underscores_in_headers reject; location / { return 200 ok; } }
        server { listen 127.0.0.1:{port3}; ignore_invalid_headers off; location / { return 200 "[$http_a]"; } } })");
    EXPECT_EQ(fetch(server.port(0), "/", "A_B: 1\r\n").body, "[]");
    EXPECT_EQ(fetch(server.port(0), "/", "A-B: 1\r\n").body, "[1]");
    EXPECT_EQ(fetch(server.port(1), "/", "A_B: 1\r\n").body, "[1]");
    EXPECT_EQ(fetch(server.port(2), "/", "A_B: 1\r\n").status, 400);
    EXPECT_EQ(fetch(server.port(2), "/").status, 200);
    EXPECT_EQ(fetch(server.port(0), "/", "A(b: 1\r\n").status, 200);
    EXPECT_EQ(fetch(server.port(3), "/", "A(b: 1\r\n").status, 400);
    EXPECT_EQ(fetch(server.port(3), "/", "A!: 1\r\nA: 2\r\n").body, "[2]");
}

TEST(HeadLimits, SlashesAreMergedUnlessToldOtherwise) {
    Server server(R"(http { access_log off;
        server { listen 127.0.0.1:{port}; location / { return 200 $uri; } }
        server { listen 127.0.0.1:{port1}; merge_slashes off; location / { return 200 $uri; } } })");
    EXPECT_EQ(fetch(server.port(0), "//a///b/").body, "/a/b/");
    EXPECT_EQ(fetch(server.port(1), "//a///b/").body, "//a///b/");
}

TEST(Bodies, WhatNobodyReadsIsSkipped) {
    Server server(http(R"(location / { return 200 "$uri"; })"));
    Client client(server.port());
    const std::string head = "POST /a HTTP/1.1\r\nHost: a\r\n";
    ASSERT_TRUE(client.send(head + "Content-Length: 5\r\n\r\nhelloGET /b HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "/a");
    EXPECT_EQ(client.read_response().body, "/b");
    ASSERT_TRUE(client.send(head + "Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n" +
                            "GET /c HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "/a");
    EXPECT_EQ(client.read_response().body, "/c");
    // The answer does not wait for the body, and the next request waits for the body's end.
    ASSERT_TRUE(client.send(head + "Content-Length: 300000\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "/a");
    ASSERT_TRUE(client.send(of('x', 300000) + "GET /d HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "/d");
    ASSERT_TRUE(client.send(head + "Transfer-Encoding: chunked\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "/a");
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(client.send("1000\r\n" + of('x', 4096) + "\r\n"));
    ASSERT_TRUE(client.send("0\r\n\r\nGET /e HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "/e");
}

TEST(Bodies, BrokenChunksEndTheConnectionWithNoSecondAnswer) {
    Server server(http(R"(location / { return 200 ok; })"));
    Client client(server.port());
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"));
    EXPECT_EQ(client.read_response().status, 200);
    ASSERT_TRUE(client.send("zz\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_TRUE(client.wait_closed());
}

TEST(Bodies, TooLargeByItsLength) {
    Server server(http(R"(client_max_body_size 10; location / { return 200 ok; }
        location /any { client_max_body_size 0; return 200 ok; })"));
    const std::string length = " HTTP/1.1\r\nHost: a\r\nContent-Length: ";
    EXPECT_EQ(answer(server, "POST /" + length + "10\r\n\r\n0123456789"), "200");
    EXPECT_EQ(answer(server, "POST /" + length + "11\r\n\r\n01234567890"), "413 close");
    EXPECT_EQ(answer(server, "POST /any" + length + "11\r\n\r\n01234567890"), "200");
    EXPECT_TRUE(server.wait_log("client intended to send too large body: 11 bytes"));
    // The refusal reaches a client that is still sending.
    Client client(server.port());
    ASSERT_TRUE(client.send("POST /" + length + "4000000\r\n\r\n"));
    ASSERT_TRUE(client.send(of('x', 1000000)));
    EXPECT_EQ(client.read_response().status, 413);
}

TEST(Bodies, TheErrorPageOfARefusedBodyIsShown) {
    Server server(http(R"(client_max_body_size 10; error_page 413 /large; location / { return 200 ok; }
        location = /large { internal; return 200 "too large"; })"));
    Client client(server.port());
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n01234567890"));
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 413);
    EXPECT_EQ(response.body, "too large");
    EXPECT_TRUE(response.says_close());
}

TEST(Bodies, ExpectIsAnsweredFinallyWhenNobodyReads) {
    Server server(http(R"(location / { return 200 ok; })"));
    Client client(server.port());
    ASSERT_TRUE(
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"));
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 200);
    // Whether the client sends its body now is anybody's guess.
    EXPECT_TRUE(response.says_close());
    EXPECT_EQ(answer(server, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: more\r\n\r\nhello"),
              "417 close");
}

TEST(Refusals, ErrorPagesOfBrokenRequests) {
    Server server(http(R"(error_page 400 414 =200 /broken; error_page 405 @named; root {dir};
        location = /broken { internal; return 200 "see $status"; }
        location @named { return 200 "named [$uri] $status"; }
        location / { return 200 ok; })"));
    Client client(server.port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"));
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "see 200");
    EXPECT_TRUE(response.says_close());
    EXPECT_TRUE(client.wait_closed());
    EXPECT_EQ(answer(server, "nonsense\r\n\r\n"), "200 close");
    EXPECT_EQ(answer(server, "GET /" + of('a', 9000) + " HTTP/1.1\r\nHost: a\r\n\r\n"), "200 close");
    EXPECT_EQ(answer(server, "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"), "405 close");
}

TEST(Refusals, AreInTheAccessLog) {
    Server server(http(R"(location / { return 200 ok; })"));
    EXPECT_EQ(answer(server, "GET / HTTP/3.7\r\nHost: a\r\n\r\n"), "505 close");
    EXPECT_TRUE(
        eventually([&] { return server.folder().read("access.log").find(" 505 ") != std::string::npos; }));
}

}  // namespace
}  // namespace berth::test

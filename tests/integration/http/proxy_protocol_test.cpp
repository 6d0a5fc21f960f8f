// PROXY headers in front of requests.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr std::string_view kServer = R"(http { access_log off; server {
    listen 127.0.0.1:{port} proxy_protocol; client_header_timeout 500ms;
    location / { return 200 "$remote_addr|$proxy_protocol_addr:$proxy_protocol_port $proxy_protocol_server_addr:$proxy_protocol_server_port|$proxy_protocol_tlv_unique_id$proxy_protocol_tlv_0xee"; } } })";

std::string body_after(Client& client, std::string_view header) {
    client.send(std::string(header) + "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return client.read_response().body;
}

TEST(ProxyProtocol, VersionOne) {
    Server server(kServer);
    Client client(server.port());
    EXPECT_EQ(body_after(client, "PROXY TCP4 192.0.2.1 198.51.100.2 1111 2222\r\n"),
              "127.0.0.1|192.0.2.1:1111 198.51.100.2:2222|")
        << "who the client is does not change without realip";
    // Once, not before each request.
    EXPECT_EQ(body_after(client, "").substr(0, 19), "127.0.0.1|192.0.2.1");
    Client six(server.port());
    EXPECT_EQ(body_after(six, "PROXY TCP6 2001:db8::1 ::1 1 2\r\n"), "127.0.0.1|2001:db8::1:1 ::1:2|");
    Client unknown(server.port());
    EXPECT_EQ(body_after(unknown, "PROXY UNKNOWN whatever\r\n").substr(0, 10), "127.0.0.1|");
}

TEST(ProxyProtocol, BelongsToOneAddressOfTheSocket) {
    Server server(R"(http { access_log off; server { listen {port}; listen 127.0.0.2:{port} proxy_protocol;
        location / { return 200 "$proxy_protocol_addr"; } } })");
    Client plain(server.port());
    EXPECT_EQ(body_after(plain, ""), "");
}

TEST(ProxyProtocol, VersionTwoByteByByte) {
    Server server(kServer);
    const std::string header = std::string("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x16", 16) +
                               std::string("\xC0\0\2\1\xC6\x33\x64\2\x04\x57\x08\xAE", 12) +
                               std::string("\5\0\3abc\xEE\0\1z", 10);
    Client client(server.port());
    for (const char byte : header) ASSERT_TRUE(client.send({&byte, 1}));
    EXPECT_EQ(body_after(client, ""), "127.0.0.1|192.0.2.1:1111 198.51.100.2:2222|abcz");
}

TEST(ProxyProtocol, WhatIsNoHeaderIsClosedWithALine) {
    Server server(kServer);
    Client none(server.port());
    ASSERT_TRUE(none.get("/"));
    EXPECT_EQ(none.read_all(), "");
    EXPECT_TRUE(server.wait_log("broken PROXY header", 1));
    Client malformed(server.port());
    ASSERT_TRUE(malformed.send("PROXY TCP4 1.2.3.4 1.2.3 1 2\r\n"));
    EXPECT_EQ(malformed.read_all(), "");
    EXPECT_TRUE(server.wait_log("broken PROXY header", 2));
    Client cut(server.port());
    ASSERT_TRUE(cut.send("PROXY TCP4 1.2"));
    cut.shutdown_write();
    EXPECT_EQ(cut.read_all(), "");
    EXPECT_TRUE(server.wait_log("broken PROXY header", 3));
    Client late(server.port());
    ASSERT_TRUE(late.send("PROXY "));
    EXPECT_EQ(late.read_all(), "");
    EXPECT_TRUE(server.wait_log("it did not come in time", 1));
}

}  // namespace
}  // namespace berth::test

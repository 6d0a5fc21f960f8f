// What happens to clients that are slow, or silent. The times are short and nothing is measured: what counts
// is that the end comes, and how.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string http(std::string_view statements) {
    return "http { access_log access.log; server { listen 127.0.0.1:{port}; " + std::string(statements) +
           " } }";
}

ServerOptions not_started() {
    ServerOptions options;
    options.start = false;
    return options;
}

// Bytes that show a gap or a swap anywhere.
std::string pattern(std::size_t size) {
    std::string text;
    text.reserve(size + 16);
    for (std::uint64_t i = 0; text.size() < size; ++i) text += std::to_string(i) + ",";
    text.resize(size);
    return text;
}

TEST(Timeouts, ASilentConnectionIsClosed) {
    Server server(http("client_header_timeout 100ms;"));
    Client client(server.port());
    EXPECT_TRUE(client.wait_closed());
    EXPECT_TRUE(server.wait_log("client timed out"));
}

TEST(Timeouts, AHeadThatDoesNotEndGets408) {
    Server server(http("client_header_timeout 100ms; location / { return 200 ok; }"));
    Client fresh(server.port());
    ASSERT_TRUE(fresh.send("GET / HTTP/1.1\r\nHos"));
    const Response response = fresh.read_response();
    EXPECT_EQ(response.status, 408);
    EXPECT_TRUE(response.says_close());
    EXPECT_TRUE(fresh.wait_closed());
    // The time of a later head runs from its first byte.
    Client used(server.port());
    ASSERT_TRUE(used.get("/"));
    EXPECT_EQ(used.read_response().status, 200);
    ASSERT_TRUE(used.send("GET / HT"));
    EXPECT_EQ(used.read_response().status, 408);
    EXPECT_TRUE(server.wait_log("client timed out", 2));
    EXPECT_TRUE(eventually([&] { return occurrences(server.folder().read("access.log"), " 408 ") == 2; }));
}

TEST(Timeouts, ResetTimedoutConnection) {
    Server server(http("client_header_timeout 100ms; reset_timedout_connection on;"));
    Client client(server.port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHos"));
    EXPECT_EQ(client.read_all(), "");
    EXPECT_EQ(client.error(), ECONNRESET);
}

TEST(Timeouts, ABodyThatStopsWhileItIsSkipped) {
    Server server(http("client_body_timeout 100ms; location / { return 200 ok; }"));
    Client client(server.port());
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nabc"));
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_TRUE(client.wait_closed());
}

TEST(Timeouts, AClientThatDoesNotReadIsDropped) {
    Server server(http("send_timeout 200ms; root {dir}; sendfile on;"), not_started());
    server.folder().write("big.bin", pattern(20'000'000));
    ASSERT_TRUE(server.start());
    Client client(server.port());
    ASSERT_TRUE(client.get("/big.bin"));
    EXPECT_TRUE(server.wait_log("client timed out"));
    EXPECT_LT(client.read_all().size(), 20'000'000U);
    // What was left of the answer is in the log as well: it was not a whole one.
    EXPECT_TRUE(eventually([&] { return !server.folder().read("access.log").empty(); }));
}

class SlowReader : public testing::TestWithParam<const char*> {};

TEST_P(SlowReader, GetsEveryByte) {
    constexpr std::size_t kSize = 6'000'000;
    Server server(http("root {dir}; sendfile " + std::string(GetParam()) + ";"), not_started());
    const std::string text = pattern(kSize);
    server.folder().write("big.bin", text);
    ASSERT_TRUE(server.start());
    Client client(server.port());
    // Two at once: the second answer waits behind the first.
    ASSERT_TRUE(client.get("/big.bin"));
    ASSERT_TRUE(client.get("/big.bin", "Connection: close\r\n"));
    std::string got;
    for (;;) {
        const std::string some = client.read_some(1500);
        if (some.empty()) break;
        got += some;
    }
    const std::size_t first = got.find("\r\n\r\n");
    ASSERT_NE(first, got.npos);
    ASSERT_GT(got.size(), 2 * kSize);
    EXPECT_TRUE(got.compare(first + 4, kSize, text) == 0);
    EXPECT_TRUE(got.compare(got.size() - kSize, kSize, text) == 0);
    EXPECT_EQ(occurrences(std::string_view(got).substr(0, first), "200 OK"), 1U);
}

INSTANTIATE_TEST_SUITE_P(Ways, SlowReader, testing::Values("on", "off"));

TEST(Lingering, OffClosesAtOnceAndAlwaysWaits) {
    Server server(R"(http { access_log off;
        server { listen 127.0.0.1:{port}; lingering_close always; lingering_timeout 100ms; location / { return 200 ok; } }
        server { listen 127.0.0.1:{port1}; lingering_close off; location / { return 200 ok; } }
        server { listen 127.0.0.1:{port2}; lingering_time 100ms; client_max_body_size 1; location / { return 200 ok; } } })");
    for (const std::size_t port : {0U, 1U}) {
        Client client(server.port(port));
        ASSERT_TRUE(client.get("/", "Connection: close\r\n"));
        EXPECT_EQ(client.read_response().body, "ok");
        EXPECT_TRUE(client.wait_closed());
    }
    // lingering_time ends it although the client never stops sending.
    Client client(server.port(2));
    ASSERT_TRUE(client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000000\r\n\r\n"));
    EXPECT_EQ(client.read_response().status, 413);
    EXPECT_TRUE(eventually([&] { return !client.send("x"); }));
}

}  // namespace
}  // namespace berth::test

// How much of an answer is taken from a backend before its client wants it: what directives say, and what the
// backend says itself.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

constexpr std::size_t kKilo = 1024;
constexpr std::size_t kMega = 1024 * kKilo;
// More than all sockets between a backend and a client that does not read take.
constexpr std::size_t kBig = 32 * kMega;

std::string config(const Backend& backend, std::string_view inside) {
    return "worker_processes 1; http { log_format f '$upstream_bytes_received $bytes_sent'; access_log log "
           "f; "
           "upstream b { server 127.0.0.1:" +
           std::to_string(backend.port()) +
           "; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; " + std::string(inside) +
           " } } }";
}

// A backend with one big answer, and how much of it was taken.
class Giver {
 public:
    explicit Giver(std::string fields = {}, std::size_t size = kBig)
        : body_(pattern(size)),
          backend_([this, fields](BackendConnection& connection, const BackendRequest&) {
              const std::string all = answer(body_, fields);
              taken_ = 0;
              for (std::size_t at = 0; at < all.size(); at += kPiece) {
                  const std::string_view piece = std::string_view(all).substr(at, kPiece);
                  if (!connection.send(piece)) return;
                  taken_ += piece.size();
              }
          }) {}

    const Backend& backend() const noexcept { return backend_; }
    const std::string& body() const noexcept { return body_; }
    bool gave_all() const noexcept { return taken_ >= body_.size(); }
    // Waits until nothing more is taken. What is taken too late for that would only hide a fault.
    void settle() const {
        std::size_t before = 0;
        for (int quiet = 0; quiet < 10 && !gave_all(); ++quiet) {
            ::usleep(50'000);
            const std::size_t now = taken_;
            if (now == 0 || now != before) quiet = 0;
            before = now;
        }
    }

 private:
    static constexpr std::size_t kPiece = 64 * kKilo;

    std::string body_;
    std::atomic<std::size_t> taken_{0};
    Backend backend_;
};

struct BufferingCase {
    const char* inside;
    const char* field;
    bool ahead;  // the answer is taken before its client wants it
};

TEST(ProxyAccel, TheBackendSaysWhetherItsAnswerIsBuffered) {
    for (const BufferingCase& each :
         {BufferingCase{"", "", true}, BufferingCase{"", "X-Accel-Buffering: no\r\n", false},
          BufferingCase{"proxy_buffering off;", "", false},
          BufferingCase{"proxy_buffering off;", "X-Accel-Buffering: yes\r\n", true},
          BufferingCase{"proxy_ignore_headers X-Accel-Buffering;", "X-Accel-Buffering: no\r\n", true}}) {
        SCOPED_TRACE(std::string(each.inside) + each.field);
        Giver giver(each.field);
        Server server(config(giver.backend(), each.inside));
        Client client(server.port());
        client.get("/");
        if (each.ahead) {
            EXPECT_TRUE(eventually([&] { return giver.gave_all(); }));
        } else {
            giver.settle();
            EXPECT_FALSE(giver.gave_all());
        }
        const Response response = client.read_response();
        EXPECT_TRUE(response.body == giver.body()) << response.body.size();
        EXPECT_FALSE(response.has("X-Accel-Buffering"));
    }
}

// What stands in the server's memory when its client takes nothing.
std::size_t held_with(std::string_view inside) {
    Giver giver;
    Server server(config(giver.backend(), "proxy_max_temp_file_size 0; " + std::string(inside)));
    Client client(server.port());
    client.get("/");
    giver.settle();
    EXPECT_FALSE(giver.gave_all());
    client.abort();
    EXPECT_TRUE(eventually([&] { return !server.folder().read("log").empty(); }));
    const std::string log = server.folder().read("log");
    const std::size_t received = std::strtoul(log.c_str(), nullptr, 10);
    const std::size_t sent = std::strtoul(log.c_str() + log.find(' '), nullptr, 10);
    EXPECT_GT(sent, 0U) << log;
    EXPECT_GE(received, sent) << log;
    return received - sent;
}

TEST(ProxyBusyBuffers, LimitWhatWaitsForTheClient) {
    constexpr std::size_t kSlack = 128 * kKilo;  // of the piece that is read, and of the head
    const std::size_t without = held_with("proxy_buffers 8 1m;");
    EXPECT_GT(without, 4 * kMega);
    EXPECT_LE(without, 8 * kMega + kSlack);
    const std::size_t with = held_with("proxy_buffers 8 1m; proxy_busy_buffers_size 1m;");
    EXPECT_GT(with, kMega / 2);
    EXPECT_LE(with, kMega + kSlack);
}

// What `-t` says of these directives in a location.
std::string complains(const std::string& statements) {
    ServerOptions options;
    options.start = false;
    Server server("http { server { listen 127.0.0.1:{port}; location / { proxy_pass http://127.0.0.1:9; " +
                      statements + " } } }",
                  options);
    return server.command({"-t"}).err;
}

TEST(ProxyBusyBuffers, MustLeaveRoomToReadInto) {
    EXPECT_NE(complains("proxy_busy_buffers_size 4k;").find("is smaller than \"proxy_buffer_size\""),
              std::string::npos);
    EXPECT_NE(complains("proxy_busy_buffers_size 64k;").find("leaves no buffer"), std::string::npos);
    EXPECT_EQ(complains("proxy_busy_buffers_size 56k;").find("error"), std::string::npos);
}

// Calls that wrote to something other than a socket, by the worker (proc(5): /proc/PID/io).
std::size_t writes_of(const Server& server) {
    const std::string io = file_text("/proc/" + std::to_string(server.workers().at(0)) + "/io");
    const std::size_t at = io.find("syscw: ");
    return at == io.npos ? 0 : std::strtoul(io.c_str() + at + 7, nullptr, 10);
}

TEST(ProxyTempFile, IsWrittenInPiecesOfTheSizeThatWasSaid) {
    const auto writes = [](std::string_view inside) {
        Giver giver({}, 16 * kMega);
        Server server(config(giver.backend(), "proxy_buffers 8 8k; " + std::string(inside)));
        EXPECT_TRUE(eventually([&] { return server.workers().size() == 1; }));
        const std::size_t before = writes_of(server);
        Client client(server.port());
        client.get("/");
        EXPECT_TRUE(eventually([&] { return giver.gave_all(); }));
        const Response response = client.read_response();
        EXPECT_TRUE(response.body == giver.body()) << response.body.size();
        return writes_of(server) - before;
    };
    const std::size_t large = writes("");
    if (large == 0) GTEST_SKIP() << "the kernel does not count calls";
    const std::size_t small = writes("proxy_temp_file_write_size 8k;");
    EXPECT_GT(small, large * 2) << "four times as many of a quarter each, less what went past the file";
}

// At ten bytes a second nothing that is read in one piece ends within a test.
TEST(ProxyLimitRate, TheBackendIsReadNoFaster) {
    Giver giver;
    Server server(config(giver.backend(), "proxy_limit_rate 10;"));
    Client client(server.port());
    client.get("/");
    EXPECT_TRUE(client.read_some().starts_with("HTTP/1.1 200 "));
    giver.settle();
    EXPECT_FALSE(giver.gave_all());
    client.abort();
    EXPECT_TRUE(eventually([&] { return !server.folder().read("log").empty(); }));
    const std::string log = server.folder().read("log");
    EXPECT_LE(std::strtoul(log.c_str(), nullptr, 10), 8 * kKilo)
        << "no more than came with the head: " << log;
    EXPECT_TRUE(eventually([&] { return giver.backend().open() == 0; }))
        << "nobody waits for the pause to end";
}

TEST(ProxyLimitRate, VariablesSayIt) {
    Giver giver;
    Server server(config(giver.backend(), "proxy_limit_rate $arg_rate;"));
    EXPECT_TRUE(fetch(server.port(), "/").body == giver.body()) << "an empty text is no limit";
    EXPECT_TRUE(fetch(server.port(), "/?rate=0").body == giver.body());
    EXPECT_TRUE(fetch(server.port(), "/?rate=odd").body == giver.body());
    EXPECT_TRUE(server.wait_log("invalid size \"odd\" of \"$arg_rate\""));
    Client client(server.port());
    client.get("/?rate=10");
    EXPECT_TRUE(client.read_some().starts_with("HTTP/1.1 200 "));
    giver.settle();
    EXPECT_FALSE(giver.gave_all());
}

TEST(ProxyLimitRate, WhatIsBelowItPassesWhole) {
    Giver giver({}, kMega);
    Server server(config(giver.backend(), "proxy_limit_rate 1g;"));
    EXPECT_TRUE(fetch(server.port(), "/").body == giver.body());
    EXPECT_NE(complains("proxy_limit_rate fast;").find("invalid size \"fast\" in \"proxy_limit_rate\""),
              std::string::npos);
}

// However many places inherit it.
TEST(RateSizes, AreComplainedOfOnceWhereTheyStand) {
    for (const char* name : {"proxy_limit_rate", "limit_rate", "limit_rate_after"}) {
        for (const char* value : {"fast", "$no_such"}) {
            ServerOptions options;
            options.start = false;
            Server server("http {\n  server {\n    listen 127.0.0.1:{port};\n    " + std::string(name) + ' ' +
                              value + ";\n    location /a { }\n    location /b { }\n  }\n}",
                          options);
            const std::string told = server.command({"-t"}).err;
            EXPECT_EQ(occurrences(told, ": error: "), 1U) << name << told;
            EXPECT_EQ(occurrences(told, "|     " + std::string(name) + ' ' + value + ";"), 1U) << told;
        }
    }
}

// The rate holds for what is sent to the client; the backend is read as ever.
TEST(ProxyAccel, TheBackendSaysHowFastItsAnswerIsSent) {
    Giver giver("X-Accel-Limit-Rate: 1000\r\n", kMega);
    Server server(config(giver.backend(), ""));
    Client client(server.port());
    client.get("/");
    std::string first = client.read_some();
    while (first.find("\r\n\r\n") == first.npos) {
        const std::string more = client.read_some();
        ASSERT_FALSE(more.empty());
        first += more;
    }
    EXPECT_TRUE(first.starts_with("HTTP/1.1 200 ")) << first;
    EXPECT_EQ(first.find("X-Accel-Limit-Rate"), std::string::npos);
    EXPECT_TRUE(eventually([&] { return giver.gave_all() && giver.backend().requests() == 1; }));
    // Another answer comes whole while this one has hardly begun.
    Giver other("X-Accel-Limit-Rate: 10\r\n", kMega);
    Server ignores(config(other.backend(), "proxy_ignore_headers X-Accel-Limit-Rate;"));
    EXPECT_TRUE(fetch(ignores.port(), "/").body == other.body());
    client.abort();
    EXPECT_TRUE(eventually([&] { return !server.folder().read("log").empty(); }));
    const std::string log = server.folder().read("log");
    EXPECT_LE(std::strtoul(log.c_str() + log.find(' '), nullptr, 10), 64 * kKilo) << log;
}

}  // namespace
}  // namespace berth::test

// How long a request may take at its backends, whoever is slow: nobody is asked when the time is over, and no
// backend is blamed for the time of others.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/dns_server.hpp"

namespace berth::test {
namespace {

constexpr std::string_view kOver = "the time for the whole request is over";
constexpr std::string_view kBlamed = "temporarily disabled";

std::string address(const Backend& backend) { return "127.0.0.1:" + std::to_string(backend.port()); }

// The second one is asked when the first is out or has failed. /small has no limits.
std::string config(const Backend& first, const Backend& second, std::string_view inside,
                   std::string_view parameters = {}, std::string_view in_upstream = {}) {
    return "worker_processes 1; http { access_log off; upstream b { server " + address(first) + " " +
           std::string(parameters) + "; server " + address(second) + " backup; " + std::string(in_upstream) +
           " } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; " + std::string(inside) +
           " } location = /small { proxy_pass http://b; } } }";
}

void reply_ok(BackendConnection& connection, const BackendRequest&) { connection.send(answer("ok")); }

// An answer without an end, as fast as it is taken; /small has one.
void endless(BackendConnection& connection, const BackendRequest& request) {
    if (request.target == "/small") return reply_ok(connection, request);
    constexpr std::size_t kMost = 1 << 16;  // 4 GiB, so that it ends at all
    const std::string piece = pattern(65536);
    bool open = connection.send("HTTP/1.1 200 OK\r\n\r\n");
    for (std::size_t i = 0; open && i < kMost; ++i) open = connection.send(piece);
    connection.close();
}

// A port whose queue is full: the kernel answers no further connection.
class FullListener {
 public:
    FullListener() {
        address_.sin_family = AF_INET;
        address_.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
        const int listener = open();
        socklen_t size = sizeof address_;
        EXPECT_EQ(::bind(listener, as_address(), size), 0);
        EXPECT_EQ(::listen(listener, 0), 0);
        EXPECT_EQ(::getsockname(listener, as_address(), &size), 0);
        constexpr int kMoreThanItTakes = 4;
        for (int i = 0; i < kMoreThanItTakes; ++i) ::connect(open(), as_address(), size);
    }
    ~FullListener() {
        for (const int fd : fds_) ::close(fd);
    }
    FullListener(const FullListener&) = delete;
    FullListener& operator=(const FullListener&) = delete;

    std::uint16_t port() const noexcept { return ::ntohs(address_.sin_port); }

 private:
    int open() { return fds_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)); }
    sockaddr* as_address() noexcept { return reinterpret_cast<sockaddr*>(&address_); }

    sockaddr_in address_{};
    std::vector<int> fds_;
};

// Whoever was under way when the time ended is asked again by the next request.
void expect_no_blame(const Server& server, const Backend& first, const Backend& second) {
    const std::size_t before = first.requests();
    EXPECT_EQ(fetch(server.port(), "/small").body, "ok");
    EXPECT_EQ(first.requests(), before + 1);
    EXPECT_EQ(second.requests(), 0U);
    EXPECT_EQ(occurrences(server.error_log(), kBlamed), 0U) << server.error_log();
}

void only_small(BackendConnection& connection, const BackendRequest& request) {
    if (request.target == "/small") return reply_ok(connection, request);
    connection.wait_closed();
}

TEST(ProxyTotalTimeout, WhoHadAllOfItForAnAnswerIsBlamed) {
    Backend silent(only_small);
    Backend other(reply_ok);
    Server server(config(silent, other, "proxy_total_timeout 5s;"));
    EXPECT_EQ(fetch(server.port(), "/").status, 504);
    EXPECT_TRUE(server.wait_log(std::string(kOver) + " while reading response header from upstream"));
    EXPECT_EQ(occurrences(server.error_log(), kBlamed), 1U) << server.error_log();
    EXPECT_EQ(fetch(server.port(), "/small").body, "ok");
    EXPECT_EQ(other.requests(), 1U);
}

TEST(ProxyTotalTimeout, WhoHadAllOfItForAConnectionIsBlamed) {
    FullListener full;
    Backend other(reply_ok);
    Server server("worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
                  std::to_string(full.port()) + "; server " + address(other) +
                  " backup; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; "
                  "proxy_total_timeout 5s; } } }");
    EXPECT_EQ(fetch(server.port(), "/").status, 504);
    EXPECT_TRUE(server.wait_log(std::string(kOver) + " while connecting to upstream"));
    EXPECT_EQ(occurrences(server.error_log(), kBlamed), 1U) << server.error_log();
    EXPECT_EQ(fetch(server.port(), "/").body, "ok");
}

// The pause takes a quarter of the time at least.
TEST(ProxyTotalTimeout, WhoHadTheRestOfItIsNotBlamed) {
    Backend bad([](BackendConnection& connection, const BackendRequest&) { connection.close(); });
    Backend silent(only_small);
    Server server(
        config(bad, silent, "proxy_total_timeout 2s; proxy_next_upstream_backoff 1s;", "max_fails=0"));
    EXPECT_EQ(fetch(server.port(), "/").status, 504);
    EXPECT_TRUE(server.wait_log(kOver));
    EXPECT_EQ(silent.requests(), 1U);
    EXPECT_EQ(occurrences(server.error_log(), kBlamed), 0U) << server.error_log();
}

TEST(ProxyTotalTimeout, WhoWaitedForTheClientIsNotBlamed) {
    Backend other(reply_ok);
    Backend waits([](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/small") reply_ok(connection, request);
    });
    Server server(config(waits, other, "proxy_total_timeout 2s; proxy_request_buffering off;"));
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nbegin");
    EXPECT_TRUE(server.wait_log(kOver));
    expect_no_blame(server, waits, other);
}

TEST(ProxyTotalTimeout, EndsAnAnswerThatFlows) {
    for (const char* how : {"proxy_buffering off;", "proxy_buffering on;", "proxy_limit_rate 100k;"}) {
        Backend backend(endless);
        Backend other(reply_ok);
        Server server(config(backend, other, std::string("proxy_total_timeout 2s; ") + how));
        Client client(server.port());
        ASSERT_TRUE(client.get("/"));
        while (!client.read_some().empty()) {}
        EXPECT_EQ(client.error(), ECONNRESET) << "an orderly end would look like one";
        EXPECT_EQ(occurrences(server.error_log(), kOver), 1U) << how << server.error_log();
        expect_no_blame(server, backend, other);
    }
}

// The client takes nothing until the time is over, and the backend has nothing to say then.
TEST(ProxyTotalTimeout, AClientThatUsedItUpIsNotTheBackendsFault) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/small") return reply_ok(connection, request);
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n" + pattern(16 << 20));
        connection.wait_closed();
    });
    Backend other(reply_ok);
    Server server(config(backend, other, "proxy_total_timeout 2s; proxy_buffering off;"));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    EXPECT_TRUE(server.wait_log(kOver));
    while (!client.read_some().empty()) {}
    expect_no_blame(server, backend, other);
}

TEST(ProxyTotalTimeout, CountsInTheQueue) {
    std::atomic<bool> go_on{false};
    Backend busy([&](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/small") eventually([&] { return go_on.load(); });
        reply_ok(connection, request);
    });
    Server server("worker_processes 1; http { access_log off; upstream b { server " + address(busy) +
                  " max_conns=1; queue 10 timeout=60s; } server { listen 127.0.0.1:{port}; location / { "
                  "proxy_pass http://b; proxy_total_timeout 300ms; } location = /small { proxy_pass "
                  "http://b; } } }");
    Client holds(server.port());
    ASSERT_TRUE(holds.get("/small"));
    ASSERT_TRUE(eventually([&] { return busy.requests() == 1; }));
    EXPECT_EQ(fetch(server.port(), "/").status, 504);
    EXPECT_TRUE(server.wait_log(kOver));
    go_on = true;
    EXPECT_EQ(holds.read_response().body, "ok");
    EXPECT_EQ(busy.requests(), 1U);
}

TEST(ProxyTotalTimeout, CountsWhileNamesAreLookedUp) {
    DnsServer dns;
    dns.behave("silent.test", DnsServer::Manner::silent);
    Server server("worker_processes 1; http { access_log off; resolver " + dns.address() +
                  " ipv6=off; upstream b { zone b 64k; server silent.test:1 resolve; } proxy_total_timeout "
                  "300ms; server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; } location = "
                  "/asks { set $name silent.test; proxy_pass http://$name:1; } } }");
    EXPECT_EQ(fetch(server.port(), "/").status, 504);
    EXPECT_TRUE(server.wait_log(kOver));
    EXPECT_EQ(fetch(server.port(), "/asks").status, 504);
}

// --- the time for one backend

// The client takes longer for its body than the backend may: it is the client who is waited for.
TEST(ProxyTryTimeout, DoesNotPassWhileTheClientIsWaitedFor) {
    std::atomic<std::size_t> taken{0};
    auto backend = Backend::raw([&](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        if (request.target == "/small") return reply_ok(connection, request);
        for (std::string some = connection.read_some(); !some.empty(); some = connection.read_some()) {
            taken += some.size();
            if (some.ends_with("end")) connection.send(answer("taken"));
        }
    });
    Backend other(reply_ok);
    for (const char* times : {"proxy_next_upstream_try_timeout 2s;", "proxy_read_timeout 2s;"}) {
        taken = 0;
        Server server(config(*backend, other, "proxy_request_buffering off; " + std::string(times),
                             "max_fails=1 fail_timeout=60s"));
        Client client(server.port());
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 8\r\n\r\nbegin");
        EXPECT_TRUE(eventually([&] { return taken == 5; }));
        const auto later = std::chrono::steady_clock::now() + std::chrono::milliseconds(3000);
        while (std::chrono::steady_clock::now() < later) {
            ASSERT_FALSE(client.is_closed()) << times << server.error_log();
            ::usleep(1000);
        }
        client.send("end");
        EXPECT_EQ(client.read_response().body, "taken") << times << server.error_log();
        // When the backend has all, it is its turn.
        Client second(server.port());
        second.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nbegin");
        EXPECT_EQ(second.read_response().status, 504);
        EXPECT_EQ(occurrences(server.error_log(), kBlamed), 1U) << server.error_log();
    }
    EXPECT_EQ(other.requests(), 0U);
}

// --- the pause before another backend is asked

// A pause that would lead beyond a limit is not made: the client gets what there is at once.
TEST(ProxyPause, DoesNotLeadBeyondALimit) {
    Backend bad([](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/status")
            connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
        connection.close();
    });
    Backend good(reply_ok);
    for (const char* limit : {"proxy_total_timeout 5s;", "proxy_next_upstream_timeout 5s;"}) {
        Server server(config(
            bad, good,
            "proxy_next_upstream error http_503; proxy_next_upstream_backoff 100s; " + std::string(limit),
            "max_fails=2"));
        EXPECT_EQ(fetch(server.port(), "/").status, 502) << limit;
        EXPECT_EQ(fetch(server.port(), "/status").body, "busy") << limit;
        EXPECT_EQ(good.connections(), 0U) << limit;
        EXPECT_EQ(occurrences(server.error_log(), kBlamed), 0U) << server.error_log();
    }
}

// The only place of the backend that comes next is free during both pauses.
TEST(ProxyPause, HoldsNoPlaceMeanwhile) {
    Backend busy([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    });
    Backend good(reply_ok);
    Server server(
        "worker_processes 1; http { access_log off; upstream b { server " + address(busy) +
        " max_fails=0; server " + address(good) +
        " backup max_conns=1; queue 10; } server { listen 127.0.0.1:{port}; location / { proxy_pass "
        "http://b; proxy_next_upstream http_503; proxy_next_upstream_backoff 1s; } } }");
    Client first(server.port());
    Client second(server.port());
    ASSERT_TRUE(first.get("/"));
    ASSERT_TRUE(eventually([&] { return busy.requests() == 1; }));
    ASSERT_TRUE(second.get("/"));
    EXPECT_EQ(first.read_response().body, "ok");
    EXPECT_EQ(second.read_response().body, "ok");
    EXPECT_EQ(good.requests(), 2U);
}

// Whoever is gone when the pause is over is not asked.
TEST(ProxyPause, WhoComesNextIsChosenBehindIt) {
    Backend busy([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    });
    Backend first(reply_ok);
    Backend second(reply_ok);
    Server server("worker_processes 1; http { access_log off; upstream b { server " + address(busy) +
                  " max_fails=0; server " + address(first) + " backup weight=100; server " + address(second) +
                  " backup; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; "
                  "proxy_next_upstream http_503; "
                  "proxy_next_upstream_backoff 3s; } } }");
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    ASSERT_TRUE(eventually([&] { return busy.requests() == 1; }));
    EXPECT_EQ(server.command({"upstream", "down", "b", address(first)}).code, 0);
    EXPECT_EQ(client.read_response().body, "ok");
    EXPECT_EQ(first.requests(), 0U);
    EXPECT_EQ(second.requests(), 1U);
}

}  // namespace
}  // namespace berth::test

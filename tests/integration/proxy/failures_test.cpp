// Backends that fail, hang or vanish, clients that leave: what is tried again, and what everybody is told.
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {
namespace {

void reply_ok(BackendConnection& connection, const BackendRequest&) { connection.send(answer("ok")); }

std::string two(const Backend& first, const Backend& second, std::string_view inside = {},
                std::string_view parameters = {}) {
    const std::string more(parameters);
    return "worker_processes 1; http { log_format f '$upstream_addr $upstream_status $status'; access_log "
           "log f; "
           "upstream b { server 127.0.0.1:" +
           std::to_string(first.port()) + more + "; server 127.0.0.1:" + std::to_string(second.port()) +
           more +
           "; } server { listen 127.0.0.1:{port}; location / { "
           "proxy_pass http://b; " +
           std::string(inside) + " } } }";
}

std::string one(const Backend& backend, std::string_view inside = {}) {
    return "worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
           std::to_string(backend.port()) +
           " max_fails=0; } server { listen 127.0.0.1:{port}; location / { "
           "proxy_pass http://b; " +
           std::string(inside) + " } } }";
}

TEST(ProxyRetry, ABackendThatIsGoneIsPassedOver) {
    Backend gone(reply_ok);
    Backend good(reply_ok);
    Server server(two(gone, good));
    gone.stop();
    for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "ok");
    EXPECT_EQ(good.requests(), 4U);
}

TEST(ProxyRetry, WhatIsNotIdempotentIsNotSentTwice) {
    Backend bad([](BackendConnection& connection, const BackendRequest&) { connection.close(); });
    Backend good(reply_ok);
    Server server(two(bad, good, {}, " max_fails=0"));
    const auto post = [&] {
        Client client(server.port());
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
        return client.read_response().status;
    };
    const int first = post();
    const int second = post();
    EXPECT_EQ(first + second, 502 + 200);
    EXPECT_EQ(bad.requests() + good.requests(), 2U);
    // A GET is: whoever is asked first, it is answered.
    EXPECT_EQ(fetch(server.port(), "/").status, 200);
    EXPECT_EQ(fetch(server.port(), "/").status, 200);
}

TEST(ProxyRetry, StatusesThatAreNamedAreTriedElsewhere) {
    Backend bad([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    });
    Backend good(reply_ok);
    Server server(two(bad, good, "proxy_next_upstream error http_503;"));
    EXPECT_EQ(fetch(server.port(), "/").body, "ok");
    EXPECT_EQ(fetch(server.port(), "/").body, "ok");
    Backend worse([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    });
    Server hopeless(two(bad, worse, "proxy_next_upstream error http_503;"));
    EXPECT_EQ(fetch(hopeless.port(), "/").status, 503) << "the last answer is passed on";
}

TEST(ProxyRetry, TheBudgetHoldsRetriesBack) {
    Backend bad([](BackendConnection& connection, const BackendRequest&) { connection.close(); });
    Backend worse([](BackendConnection& connection, const BackendRequest&) { connection.close(); });
    Server server(two(bad, worse, "proxy_retry_budget 0%;", " max_fails=0"));
    constexpr std::size_t kReserve = 100;
    for (std::size_t i = 0; i < kReserve + 20; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 502);
    EXPECT_EQ(bad.requests() + worse.requests(), kReserve + 20 + kReserve);
    EXPECT_TRUE(server.wait_log("the retry budget is used up", 20));
}

// What came along with the head is not streamed, whatever the configuration says: it can be sent once more.
TEST(ProxyRetry, ABodyThatCameWithTheHeadIsSentOnceMore) {
    std::atomic<int> bodies{0};
    Backend backend([&](BackendConnection& connection, const BackendRequest& request) {
        if (request.number == 1) return connection.close();
        bodies += request.body == "abc";
        connection.send(answer("ok"));
    });
    Server server(one(backend, "proxy_request_buffering off;"));
    for (int i = 0; i < 6; ++i) {
        Client client(server.port());
        ASSERT_TRUE(client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"));
        EXPECT_EQ(client.read_response().body, "ok");
    }
    EXPECT_EQ(bodies, 6);
    EXPECT_EQ(backend.requests(), 11U);
}

// A retry for which there is nobody costs nothing.
TEST(ProxyRetry, WhatWasNotTriedIsNotTakenFromTheBudget) {
    std::atomic<bool> well{false};
    Backend bad([&](BackendConnection& connection, const BackendRequest&) {
        connection.send(well ? answer("ok") : "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    });
    Backend busy([&](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/wait" && !eventually([&] { return well.load(); })) return connection.close();
        connection.send(answer("ok"));
    });
    Server server(
        "worker_processes 1; http { access_log off; upstream b { server 127.0.0.1:" +
        std::to_string(bad.port()) + " max_fails=0; server 127.0.0.1:" + std::to_string(busy.port()) +
        " max_fails=0 max_conns=1; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; "
        "proxy_next_upstream error http_503; proxy_retry_budget 0%; } } }");
    Client first(server.port());
    Client other(server.port());
    ASSERT_TRUE(first.get("/wait"));
    ASSERT_TRUE(other.get("/wait"));  // one of them is told that the first is busy, and waits with the other
    ASSERT_TRUE(eventually([&] { return busy.requests() == 1; }));
    for (int i = 0; i < 140; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 503);
    EXPECT_EQ(occurrences(server.error_log(), "the retry budget is used up"), 0U);
    well = true;
}

TEST(ProxyRetry, AKeptConnectionThatEndedIsReplaced) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        // The second request on a connection finds it closed without an answer.
        if (request.number == 1) return connection.close();
        connection.send(answer("ok"));
    });
    Server server(one(backend));
    for (int i = 0; i < 6; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "ok");
    EXPECT_EQ(backend.requests(), 11U);
}

// Many requests are under way on kept connections when their backend dies: one of them finds out that nobody
// listens there, and the others go elsewhere at once.
TEST(ProxyRetry, ADeadBackendIsAskedOnce) {
    std::atomic<std::size_t> held{0};
    Backend dies([&](BackendConnection& connection, const BackendRequest& request) {
        if (request.target != "/hold") return reply_ok(connection, request);
        ++held;
        connection.wait_closed();
    });
    Backend good(reply_ok);
    Server server(two(dies, good));
    std::vector<Client> clients;
    for (int i = 0; i < 16; ++i) clients.emplace_back(server.port());
    const auto ask_all = [&](std::string_view path) {
        for (Client& client : clients) client.get(path);
    };
    for (int round = 0; round < 2; ++round) {
        ask_all("/");
        for (Client& client : clients) EXPECT_EQ(client.read_response().body, "ok");
    }
    ask_all("/hold");
    EXPECT_TRUE(eventually([&] { return held == clients.size() / 2; }));
    dies.stop();
    for (Client& client : clients) EXPECT_EQ(client.read_response().body, "ok");
    EXPECT_LE(occurrences(server.error_log(), "connect() failed"), 1U) << server.error_log();
}

TEST(ProxyTimeouts, ASilentBackendIs504) {
    std::atomic<bool> over{false};
    Backend backend([&](BackendConnection& connection, const BackendRequest&) {
        connection.wait_closed();
        over = true;
    });
    Server server(one(backend, "proxy_read_timeout 200ms;"));
    EXPECT_EQ(fetch(server.port(), "/").status, 504);
    EXPECT_TRUE(eventually([&] { return over.load(); }));
    EXPECT_TRUE(
        server.wait_log("upstream timed out (110: Connection timed out) while reading response header"));
}

TEST(ProxyTimeouts, NobodyListeningIs502) {
    Backend backend(reply_ok);
    Server server(one(backend));
    backend.stop();
    EXPECT_EQ(fetch(server.port(), "/").status, 502);
    EXPECT_TRUE(server.wait_log("connect() failed (111: Connection refused) while connecting to upstream"));
    EXPECT_TRUE(server.wait_log("upstream: \"http://127.0.0.1:" + std::to_string(backend.port()) + "/\""));
}

TEST(ProxyAbort, AClientThatLeavesCancelsTheBackendsWork) {
    std::atomic<int> asked{0};
    std::atomic<int> cancelled{0};
    Backend backend([&](BackendConnection& connection, const BackendRequest&) {
        ++asked;
        if (connection.wait_closed()) ++cancelled;
    });
    Server server(one(backend));
    Client client(server.port());
    client.get("/");
    EXPECT_TRUE(eventually([&] { return asked == 1; }));
    client.close();
    EXPECT_TRUE(eventually([&] { return cancelled == 1; }));
    EXPECT_TRUE(server.wait_log("client prematurely closed connection"));
}

// The worker learns of the request and of the client's end at once.
TEST(ProxyAbort, AClientThatLeavesAtOnceCancelsTheBackendsWork) {
    for (const char* inside : {"", "proxy_request_buffering off;"}) {
        Backend backend([](BackendConnection& connection, const BackendRequest& request) {
            if (request.target == "/first") return reply_ok(connection, request);
            connection.wait_closed();
        });
        Server server(one(backend, inside));
        for (const char* rest : {"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                                 "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"}) {
            const std::size_t before = occurrences(server.error_log(), "client prematurely closed");
            Client client(server.port());
            client.get("/first");
            EXPECT_EQ(client.read_response().body, "ok");
            ::kill(server.workers()[0], SIGSTOP);
            client.send(rest);
            client.close();
            ::kill(server.workers()[0], SIGCONT);
            EXPECT_TRUE(eventually([&] {
                return occurrences(server.error_log(), "client prematurely closed") > before;
            })) << rest;
        }
    }
}

TEST(ProxyAbort, UnlessItIsToBeIgnored) {
    std::atomic<bool> go_on{false};
    std::atomic<bool> sent{false};
    Backend backend([&](BackendConnection& connection, const BackendRequest&) {
        while (!go_on) ::usleep(1000);
        sent = connection.send(answer("late"));
    });
    Server server(one(backend, "proxy_ignore_client_abort on;"));
    Client client(server.port());
    client.get("/");
    EXPECT_TRUE(eventually([&] { return backend.requests() == 1; }));
    client.shutdown_write();
    go_on = true;
    EXPECT_EQ(client.read_response().body, "late");
    EXPECT_TRUE(eventually([&] { return sent.load(); })) << "the backend's thread may say so a moment later";
}

TEST(ProxyUnderLoad, OneOfTwoBackendsGoesAndComesBack) {
    Backend first(reply_ok);
    Backend second(reply_ok);
    Server server(two(first, second, {}, " fail_timeout=1s"));
    Load load(server.port(), "/");
    EXPECT_TRUE(load.wait_for(200));
    const int rounds = long_run(3, 20);
    for (int i = 0; i < rounds; ++i) {
        first.stop();
        EXPECT_TRUE(load.wait_for(200));
        first.start();
        EXPECT_TRUE(load.wait_for(200));
    }
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U);
}

}  // namespace
}  // namespace berth::test

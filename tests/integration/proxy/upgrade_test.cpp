// WebSocket and other upgrades: no configuration, both halves of the stream, idle limits, reloads.
#include <gtest/gtest.h>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {
namespace {

constexpr std::string_view kAsk =
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: x\r\n\r\n";
constexpr std::string_view kAgreed =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";

std::string config(const Backend& backend, std::string_view inside = {}, std::string_view main = {}) {
    return "worker_processes 1; " + std::string(main) +
           " http { access_log off; upstream b { server 127.0.0.1:" + std::to_string(backend.port()) +
           "; } server { listen 127.0.0.1:{port}; location / { proxy_pass "
           "http://b; " +
           std::string(inside) + " } location /here { return 200 here; } } }";
}

// Agrees, and gives back what comes, in upper case only where it says so itself.
std::unique_ptr<Backend> echo_backend() {
    return Backend::raw([](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        if (!request.has("Upgrade")) {
            connection.send(answer("plain"));
            return;
        }
        connection.send(std::string(kAgreed) + "hello");
        for (std::string piece = connection.read_some(); !piece.empty(); piece = connection.read_some()) {
            connection.send(piece);
        }
        connection.send("bye");
    });
}

TEST(ProxyUpgrade, NeedsNoConfiguration) {
    for (const char* inside : {"", "proxy_set_header Connection \"\";"}) {
        auto backend = echo_backend();
        Server server(config(*backend, inside));
        Client client(server.port());
        client.send(kAsk);
        const std::string head = client.read_until("hello");
        EXPECT_TRUE(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n")) << head;
        EXPECT_NE(head.find("\r\nConnection: upgrade\r\n"), std::string::npos) << head;
        EXPECT_NE(head.find("\r\nUpgrade: websocket\r\n"), std::string::npos) << head;
        client.send("ping");
        EXPECT_EQ(client.read_until("ping"), "ping");
        const std::string big = pattern(1024 * 1024);
        std::thread sender([&] { client.send(big); });
        std::string echoed;
        while (echoed.size() < big.size()) {
            const std::string more = client.read_some();
            ASSERT_FALSE(more.empty());
            echoed += more;
        }
        sender.join();
        EXPECT_TRUE(echoed == big);
        // The client has said all; the backend has not.
        client.shutdown_write();
        EXPECT_EQ(client.read_all(), "bye");
    }
}

TEST(ProxyUpgrade, BytesSentAheadAreNotLost) {
    auto backend = echo_backend();
    Server server(config(*backend));
    Client client(server.port());
    client.send(std::string(kAsk) + "early");
    EXPECT_TRUE(client.read_until("helloearly").ends_with("helloearly"));
}

TEST(ProxyUpgrade, AnAnswerThatWasNotAskedForIsRefused) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) { connection.send(kAgreed); });
    Server server(config(backend));
    EXPECT_EQ(fetch(server.port(), "/").status, 502);
    // HTTP/2 is not tunnelled past everything.
    for (const char* protocols : {"h2c", "websocket, h2c"}) {
        EXPECT_EQ(fetch(server.port(), "/",
                        "Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\nUpgrade: " +
                            std::string(protocols) + "\r\n")
                      .status,
                  502);
    }
}

TEST(ProxyUpgrade, ABackendMayDecline) {
    Backend backend([](BackendConnection& connection, const BackendRequest& request) {
        connection.send(answer(request.header("Upgrade")));
    });
    Server server(config(backend));
    Client client(server.port());
    client.send(kAsk);
    EXPECT_EQ(client.read_response().body, "websocket");
    client.get("/");
    EXPECT_EQ(client.read_response().body, "");
}

// Which protocol it wants (RFC 9110 15.5.22).
TEST(ProxyUpgrade, ABackendMayAskForOne) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send(
            "HTTP/1.1 426 Upgrade Required\r\nConnection: upgrade\r\nUpgrade: TLS/1.3\r\n"
            "Content-Length: 0\r\n\r\n");
    });
    Server server(config(backend));
    Client client(server.port());
    client.get("/");
    const Response response = client.read_response();
    EXPECT_EQ(response.status, 426);
    EXPECT_EQ(response.header("Upgrade"), "TLS/1.3");
    EXPECT_EQ(response.header("Connection"), "upgrade");
}

TEST(ProxyUpgrade, SilenceEndsIt) {
    auto backend = echo_backend();
    Server server(config(*backend, "proxy_read_timeout 300ms;"));
    Client client(server.port());
    client.send(kAsk);
    EXPECT_TRUE(client.read_until("hello").ends_with("hello"));
    EXPECT_TRUE(eventually([&] { return backend->open() == 0; }));
    client.read_all();
    EXPECT_TRUE(client.is_closed());
}

TEST(ProxyUpgrade, SurvivesReloadsUnderLoad) {
    auto backend = echo_backend();
    Server server(config(*backend));
    Client socket(server.port());
    socket.send(kAsk);
    EXPECT_TRUE(socket.read_until("hello").ends_with("hello"));
    Load load(server.port(), "/here");
    const int rounds = long_run(3, 20);
    for (int i = 0; i < rounds; ++i) {
        EXPECT_TRUE(load.wait_for(50));
        EXPECT_EQ(server.reload().code, 0);
        socket.send("still");
        EXPECT_EQ(socket.read_until("still"), "still");
    }
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U);
}

TEST(ProxyUpgrade, IsCutAtTheLimitOfADrainingWorker) {
    auto backend = echo_backend();
    Server server(config(*backend, {}, "worker_shutdown_timeout 300ms;"));
    Client socket(server.port());
    socket.send(kAsk);
    EXPECT_TRUE(socket.read_until("hello").ends_with("hello"));
    EXPECT_EQ(server.reload().code, 0);
    EXPECT_TRUE(eventually([&] { return backend->open() == 0; }));
    EXPECT_TRUE(server.wait_log("closed by worker_shutdown_timeout"));
}

}  // namespace
}  // namespace berth::test

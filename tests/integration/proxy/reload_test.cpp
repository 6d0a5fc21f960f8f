// Reloads under everything at once that passes through the proxy to real Node processes: nothing fails,
// nothing is cut, nothing is closed without notice.
#include <gtest/gtest.h>

#include <cerrno>
#include <thread>
#include <vector>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/node.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {
namespace {

// "/lines/N": so many lines, one every 50 ms. Upgraded connections get back what they send.
constexpr const char* kProgram = R"(
const server = require('http').createServer((request, response) => {
    if (!request.url.startsWith('/lines/')) return response.end('hello');
    const count = Number(request.url.slice(7));
    let number = 0;
    const timer = setInterval(() => {
        response.write('line ' + number + '\n');
        if (++number < count) return;
        clearInterval(timer);
        response.end('end\n');
    }, 50);
    response.on('close', () => clearInterval(timer));
});
server.on('upgrade', (request, socket) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    socket.on('data', (data) => socket.write(data));
    socket.on('error', () => {});
});
server.listen(process.argv[2], '127.0.0.1');
)";

std::string lines(std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += "line " + std::to_string(i) + "\n";
    return all + "end\n";
}

class Sockets {
 public:
    explicit Sockets(std::uint16_t port) : port_(port) {}

    void open() {
        all_.emplace_back(port_);
        all_.back().send(
            "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            "Sec-WebSocket-Key: x\r\n\r\n");
        EXPECT_TRUE(all_.back().read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
    }
    // Each says something of its own, and hears it.
    void speak(int round) {
        for (std::size_t i = 0; i < all_.size(); ++i) {
            const std::string words = "round " + std::to_string(round) + ", socket " + std::to_string(i);
            all_[i].send(words);
            EXPECT_EQ(all_[i].read_until(words), words);
        }
    }

 private:
    std::uint16_t port_;
    std::vector<Client> all_;
};

// An answer that ends with its connection must not look whole, and what was cut off stands in the log.
TEST(ProxyReload, WhatIsCutOffAtTheLimitIsResetAndLogged) {
    auto backend = Backend::raw([](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        if (request.target == "/part")
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
        connection.wait_closed();
    });
    Server server(
        "worker_processes 1; worker_shutdown_timeout 200ms; http { log_format f '$status $uri'; access_log "
        "log f; "
        "server { listen 127.0.0.1:{port}; location / { proxy_pass http://127.0.0.1:" +
        std::to_string(backend->port()) + "; } } }");
    Client part(server.port());
    Client none(server.port());
    ASSERT_TRUE(part.send("GET /part HTTP/1.0\r\n\r\n"));
    ASSERT_TRUE(none.get("/none"));
    EXPECT_TRUE(part.read_until("hello").ends_with("hello"));
    ASSERT_TRUE(eventually([&] { return backend->open() == 2; }));
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_EQ(part.read_all(), "");
    EXPECT_EQ(part.error(), ECONNRESET);
    EXPECT_EQ(none.read_all(), "");
    EXPECT_TRUE(eventually([&] { return occurrences(server.folder().read("log"), "\n") == 2; }));
    const std::string log = server.folder().read("log");
    EXPECT_EQ(occurrences(log, "200 /part\n"), 1U) << log;
    EXPECT_EQ(occurrences(log, "000 /none\n"), 1U) << log;
}

TEST(ProxyReload, NothingFailsNothingIsCutNothingIsClosedWithoutNotice) {
    if (!Node::installed()) GTEST_SKIP() << "node is not installed";
    const int rounds = long_run(3, 20);
    const auto count = long_run<std::size_t>(50, 1200);  // 2.5 s; 60 s
    Node first(kProgram);
    Node second(kProgram);
    Server server("worker_processes 2; http { access_log off; upstream node { server " + first.address() +
                  "; server " + second.address() +
                  "; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://node; } } }");
    Response streamed;
    std::thread stream([&] { streamed = fetch(server.port(), "/lines/" + std::to_string(count)); });
    Sockets sockets(server.port());
    for (int i = 0; i < 4; ++i) sockets.open();
    Load load(server.port(), "/");
    for (int round = 0; round < rounds; ++round) {
        EXPECT_TRUE(load.wait_for(200));
        EXPECT_EQ(server.reload().code, 0);
        sockets.open();
        sockets.speak(round);
    }
    stream.join();
    sockets.speak(rounds);
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
    EXPECT_TRUE(streamed.complete);
    EXPECT_EQ(streamed.body, lines(count));
}

}  // namespace
}  // namespace berth::test

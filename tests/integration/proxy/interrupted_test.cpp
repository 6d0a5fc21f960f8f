// What happens in the middle of something else: answers before the request is complete, bodies that break,
// connections that end while they are not looked at.
#include <gtest/gtest.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string address(const Backend& backend) { return "127.0.0.1:" + std::to_string(backend.port()); }

std::string config(const Backend& backend, std::string_view inside = {}, std::string_view beside = {}) {
    return "worker_processes 1; http { access_log off; client_body_timeout 500ms; upstream b { server " +
           address(backend) + "; server 127.0.0.1:1 backup; } server { listen 127.0.0.1:{port}; " +
           std::string(beside) + " location / { proxy_pass http://b; " + std::string(inside) + " } } }";
}

constexpr std::string_view kUpload = "POST /up HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";

// The answer has begun, and ends with the connection; then the client's body stops. That the connection to
// the backend is ended for it is neither the end of the answer nor the backend's fault.
TEST(ProxyInterrupted, ABodyThatBreaksDoesNotMakeACutAnswerLookWhole) {
    auto backend = Backend::raw([](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        if (request.method == "GET") {
            connection.send(answer("fine"));
            return;
        }
        connection.send("HTTP/1.1 200 OK\r\n\r\nthe beginning");
        while (!connection.read_some().empty()) {}
    });
    Server server(config(*backend, "proxy_request_buffering off; proxy_buffering off;"));
    Client client(server.port());
    client.send(std::string(kUpload) + "beginning");
    const Response cut = client.read_response();
    EXPECT_EQ(cut.status, 200);
    EXPECT_FALSE(cut.complete);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(server.port(), "/").body, "fine");
    EXPECT_EQ(server.error_log().find("temporarily disabled"), std::string::npos);
}

// A backend that answers before it has the body sends the request elsewhere: what it took of the body is
// gone.
TEST(ProxyInterrupted, ABodyThatWasPassedOnInPartIsNotPassedOnAgain) {
    std::string elsewhere;
    Backend other([&](BackendConnection& connection, const BackendRequest& request) {
        elsewhere += request.head + request.body;
        connection.send(answer("other"));
    });
    auto backend = Backend::raw([](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        std::string some;
        while (some.size() < 9) some += connection.read_some();
        const std::string to = request.target == "/named" ? "@other" : "/other";
        connection.send("HTTP/1.1 200 OK\r\nX-Accel-Redirect: " + to + "\r\nContent-Length: 0\r\n\r\n");
        while (!connection.read_some().empty()) {}
    });
    for (const char* buffering : {"on", "off"}) {
        const std::string pass =
            "proxy_pass http://" + address(other) + "; proxy_request_buffering " + buffering + "; } ";
        Server server(config(*backend, "proxy_request_buffering off;",
                             "location @other { " + pass + "location /other { " + pass));
        Client named(server.port());
        named.send("POST /named HTTP/1.1\r\nHost: h\r\nContent-Length: 14\r\n\r\nbeginning");
        EXPECT_EQ(named.read_response().status, 500);
        EXPECT_TRUE(server.wait_log("a part of the request body was passed on already"));
        EXPECT_EQ(elsewhere, "");
        // As a GET it goes without the body.
        Client plain(server.port());
        plain.send("POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 14\r\n\r\nbeginning");
        EXPECT_EQ(plain.read_response().body, "other");
        EXPECT_TRUE(elsewhere.starts_with("GET /other ")) << elsewhere;
        EXPECT_EQ(elsewhere.find("Content-Length"), std::string::npos) << elsewhere;
        elsewhere.clear();
    }
}

TEST(ProxyInterrupted, AnotherProtocolBeginsBehindTheRequestNotWithinIt) {
    auto backend = Backend::raw([](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        connection.send("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n");
        while (!connection.read_some().empty()) {}
    });
    Server server(config(*backend, "proxy_request_buffering off;"));
    Client client(server.port());
    client.send(
        "POST / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: 9\r\n\r\nhalf");
    EXPECT_EQ(client.read_response().status, 502);
    EXPECT_TRUE(server.wait_log("upstream sent 101 before it had the whole request"));
}

// The upload takes longer than the backend may be silent, and the answer's head has come.
TEST(ProxyInterrupted, ABackendThatStillTakesTheBodyIsNotSilent) {
    std::atomic<std::size_t> taken{0};
    auto backend = Backend::raw([&](BackendConnection& connection) {
        BackendRequest request;
        if (!connection.read_head(request)) return;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
        for (std::string some = connection.read_some(); !some.empty(); some = connection.read_some()) {
            taken += some.size();
            if (some.ends_with("end")) connection.send("done");
        }
    });
    Server server(
        config(*backend, "proxy_request_buffering off; proxy_read_timeout 1s;", "client_body_timeout 60s;"));
    Client client(server.port());
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000003\r\n\r\n");
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(1500);
    std::size_t sent = 0;
    while (std::chrono::steady_clock::now() < end && sent < 900000) {
        client.send("x");
        ++sent;
        ASSERT_TRUE(eventually([&] { return taken >= sent; }));
    }
    client.send(std::string(1000000 - sent, 'x') + "end");
    EXPECT_EQ(client.read_response().body, "done");
}

// The answer to an HTTP/1.0 client ends with its connection: when the client is given up, it must not look
// whole.
TEST(ProxyInterrupted, AClientThatIsTooSlowSeesThatItsAnswerIsCut) {
    Backend backend([](BackendConnection& connection, const BackendRequest&) {
        connection.send(chunked_answer(pattern(16 * 1024 * 1024), 65536));
    });
    Server server(config(backend, "send_timeout 300ms; proxy_max_temp_file_size 0;"));
    Client client(server.port());
    client.send("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(server.wait_log("client timed out"));
    while (!client.read_some().empty()) {}
    EXPECT_EQ(client.error(), ECONNRESET);
}

// Both stand before the worker when it looks: the request, and behind it the end of the connection that it
// would be given. It cannot be sent twice.
TEST(ProxyInterrupted, WhatCannotBeRepeatedIsNotGivenToAConnectionThatHasEnded) {
    std::atomic<bool> end{false};
    std::atomic<bool> ended{false};
    Backend backend([&](BackendConnection& connection, const BackendRequest& request) {
        connection.send(answer("ok"));
        if (request.method != "GET") return;
        eventually([&] { return end.load(); });
        connection.close();
        ended = true;
    });
    Server server(config(backend));
    Client client(server.port());
    client.get("/");
    EXPECT_EQ(client.read_response().body, "ok");
    ASSERT_TRUE(eventually([&] { return !server.workers().empty(); }));
    const pid_t worker = server.workers().front();
    ::kill(worker, SIGSTOP);
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx");
    end = true;
    EXPECT_TRUE(eventually([&] { return ended.load(); }));
    ::kill(worker, SIGCONT);
    EXPECT_EQ(client.read_response().status, 200);
}

// proxy_next_upstream_timeout is about backends: a client that takes long to send its body does not use it
// up.
TEST(ProxyInterrupted, TheTimeOfRetriesBeginsBehindTheBody) {
    Backend good([](BackendConnection& connection, const BackendRequest&) { connection.send(answer("ok")); });
    Backend gone(nullptr);
    gone.stop();
    Server server("worker_processes 1; http { access_log off; upstream b { server " + address(gone) +
                  " max_fails=0; server " + address(good) +
                  "; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; "
                  "proxy_next_upstream_timeout 200ms; } location /here { return 200 here; } } }");
    for (int i = 0; i < 2; ++i) {  // one of them begins at the one that is gone
        Client client(server.port());
        client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n");
        const auto later = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
        while (std::chrono::steady_clock::now() < later) fetch(server.port(), "/here");
        client.send("x");
        EXPECT_EQ(client.read_response().status, 200);
    }
}

// An answer that another backend might better is passed on when there is no other to ask.
TEST(ProxyInterrupted, AnAnswerIsNotThrownAwayForNothing) {
    Backend busy([](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    });
    Backend gone(nullptr);
    gone.stop();
    Server server(
        "worker_processes 1; http { access_log off; upstream b { server " + address(busy) +
        " max_fails=0; server " + address(gone) +
        "; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://b; proxy_next_upstream error "
        "http_503; } location /many { proxy_pass http://b; proxy_next_upstream error http_503; "
        "proxy_next_upstream_tries 9; } } }");
    fetch(server.port(), "/");  // finds out who is gone
    for (const char* path : {"/", "/", "/", "/many"}) EXPECT_EQ(fetch(server.port(), path).body, "busy");
}

}  // namespace
}  // namespace berth::test

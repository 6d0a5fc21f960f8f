// Connections that carry several requests, and what decides whether they go on.
#include <gtest/gtest.h>

#include <csignal>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string http(std::string_view statements) {
    return "http { access_log off; server { listen 127.0.0.1:{port}; " + std::string(statements) + " } }";
}

std::string get(std::string_view path, std::string_view headers = {}) {
    return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n" + std::string(headers) + "\r\n";
}

// So many, one after the other, each of which has had an answer and stays.
std::vector<Client> served_clients(const Server& server, int count) {
    std::vector<Client> clients;
    for (int i = 0; i < count; ++i) {
        clients.emplace_back(server.port());
        EXPECT_TRUE(clients.back().get("/"));
        EXPECT_EQ(clients.back().read_response().status, 200) << i;
    }
    return clients;
}

TEST(Persistence, OneConnectionServesManyRequests) {
    Server server(http(R"(location / { return 200 "$uri $connection_requests"; })"));
    Client client(server.port());
    for (int i = 1; i <= 5; ++i) {
        ASSERT_TRUE(client.get("/x"));
        const Response response = client.read_response();
        EXPECT_EQ(response.body, "/x " + std::to_string(i));
        EXPECT_FALSE(response.says_close());
    }
    ASSERT_TRUE(client.get("/x", "Connection: close\r\n"));
    EXPECT_TRUE(client.read_response().says_close());
    EXPECT_TRUE(client.wait_closed());
}

// More than the server takes in one turn, and the last one cut in the middle.
TEST(Persistence, PipelinedRequestsAreAnsweredInOrder) {
    Server server(http(R"(location / { return 200 "$arg_n"; })"));
    Client client(server.port());
    constexpr int kMany = 50;
    std::string all;
    for (int i = 0; i < kMany; ++i) all += get("/?n=" + std::to_string(i));
    const std::string last = get("/?n=last");
    ASSERT_TRUE(client.send(all + last.substr(0, 20)));
    for (int i = 0; i < kMany; ++i) EXPECT_EQ(client.read_response().body, std::to_string(i));
    ASSERT_TRUE(client.send(last.substr(20)));
    EXPECT_EQ(client.read_response().body, "last");
}

TEST(Persistence, PipelinedRequestsBeforeTheEndOfTheStreamAreAllAnswered) {
    Server server(http(R"(location / { return 200 "$arg_n"; })"));
    Client client(server.port());
    std::string all;
    for (int i = 0; i < 40; ++i) all += get("/?n=" + std::to_string(i));
    ASSERT_TRUE(client.send(all));
    client.shutdown_write();
    for (int i = 0; i < 40; ++i) EXPECT_EQ(client.read_response().body, std::to_string(i));
    EXPECT_TRUE(client.wait_closed());
}

TEST(Persistence, OneByteAtATime) {
    Server server(http(R"(location / { return 200 "$uri"; })"));
    Client client(server.port());
    for (const char byte : get("/slow") + get("/again")) ASSERT_TRUE(client.send({&byte, 1}));
    EXPECT_EQ(client.read_response().body, "/slow");
    EXPECT_EQ(client.read_response().body, "/again");
}

TEST(Persistence, Http10ClosesUnlessAskedNotTo) {
    Server server(http(R"(location / { return 200 ok; })"));
    Client once(server.port());
    ASSERT_TRUE(once.send("GET / HTTP/1.0\r\n\r\n"));
    const Response first = once.read_response();
    EXPECT_TRUE(first.head.starts_with("HTTP/1.1 200"));
    EXPECT_TRUE(first.says_close());
    EXPECT_TRUE(once.wait_closed());
    Client kept(server.port());
    for (int i = 0; i < 2; ++i) {
        ASSERT_TRUE(kept.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
        const Response response = kept.read_response();
        EXPECT_EQ(response.header("Connection"), "keep-alive");
        EXPECT_EQ(response.body, "ok");
    }
}

TEST(Persistence, HeadAnnouncesTheBodyAndSendsNone) {
    Server server(http(R"(location / { return 200 "four"; })"));
    Client client(server.port());
    ASSERT_TRUE(client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/")));
    const Response head = client.read_response(true);
    EXPECT_EQ(head.header("Content-Length"), "4");
    EXPECT_EQ(client.read_response().body, "four");
}

TEST(Persistence, OptionsOfTheWholeServerAndOtherForms) {
    Server server(http(R"(location / { return 200 "$host $uri $request_uri"; })"));
    Client client(server.port());
    ASSERT_TRUE(client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
    const Response options = client.read_response();
    EXPECT_EQ(options.status, 200);
    EXPECT_NE(options.header("Allow").find("GET"), std::string::npos);
    ASSERT_TRUE(client.send("GET http://Example.com/a/../b HTTP/1.1\r\nHost: other\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "example.com /b /a/../b");
    ASSERT_TRUE(client.send("GET * HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response().status, 400);
    EXPECT_TRUE(client.wait_closed());
}

TEST(Persistence, KeepaliveRequestsIsTheMostOfAConnection) {
    Server server(http(R"(keepalive_requests 3; location / { return 200 ok; })"));
    Client client(server.port());
    ASSERT_TRUE(client.send(get("/") + get("/") + get("/") + get("/")));
    EXPECT_FALSE(client.read_response().says_close());
    EXPECT_FALSE(client.read_response().says_close());
    EXPECT_TRUE(client.read_response().says_close());
    EXPECT_TRUE(client.wait_closed());
}

TEST(Persistence, KeepaliveTimeIsTheLongestLifeOfAConnection) {
    Server server(http(R"(keepalive_time 1ms; location / { return 200 ok; })"));
    Client client(server.port());
    EXPECT_TRUE(eventually([&] { return !client.get("/") || client.read_response().says_close(); }));
    EXPECT_TRUE(client.wait_closed());
}

TEST(Persistence, KeepaliveTimeoutEndsIdleConnections) {
    Server server(http(R"(location / { keepalive_timeout 100ms 7s; return 200 ok; }
        location /never { keepalive_timeout 0; return 200 ok; })"));
    Client idle(server.port());
    ASSERT_TRUE(idle.get("/"));
    EXPECT_EQ(idle.read_response().header("Keep-Alive"), "timeout=7");
    EXPECT_TRUE(idle.wait_closed());
    EXPECT_TRUE(fetch(server.port(), "/never").says_close());
    // An idle connection that ends is nobody's fault.
    EXPECT_EQ(server.error_log().find("timed out"), std::string::npos);
}

TEST(Persistence, SmallWorkerConnectionsEvictTheLongestIdle) {
    Server server("worker_processes 1; events { worker_connections 8; } " +
                  http(R"(location / { return 200 ok; })"));
    std::vector<Client> clients = served_clients(server, 20);
    EXPECT_TRUE(clients.front().wait_closed());
    EXPECT_FALSE(clients.back().is_closed());
    ASSERT_TRUE(clients.back().get("/"));
    EXPECT_EQ(clients.back().read_response().status, 200);
}

// keepalive_min_timeout: nobody takes such a connection's place, but its own deadline still ends it.
TEST(Persistence, ProtectedConnectionsAreNotEvicted) {
    Server server("worker_processes 1; events { worker_connections 8; } " +
                  http(R"(location / { return 200 ok; }
        location /kept { keepalive_min_timeout 1h; keepalive_timeout 2h; return 200 ok; }
        location /short { keepalive_min_timeout 10ms; keepalive_timeout 20ms; return 200 ok; })"));
    Client kept(server.port());
    ASSERT_TRUE(kept.get("/kept"));
    ASSERT_EQ(kept.read_response().status, 200);
    std::vector<Client> clients = served_clients(server, 20);
    EXPECT_TRUE(clients.front().wait_closed());
    EXPECT_FALSE(kept.is_closed());
    ASSERT_TRUE(kept.get("/short"));
    EXPECT_EQ(kept.read_response().status, 200);
    EXPECT_TRUE(kept.wait_closed());
}

TEST(Persistence, ProtectedConnectionsAreCountedAsWaiting) {
    Server server("worker_processes 1; " + http(R"(location / { return 200 "$connections_waiting"; }
        location /kept { keepalive_min_timeout 1h; keepalive_timeout 2h; return 200 ok; })"));
    Client kept(server.port());
    ASSERT_TRUE(kept.get("/kept"));
    ASSERT_EQ(kept.read_response().status, 200);
    Client client(server.port());
    EXPECT_TRUE(eventually([&] { return client.get("/") && client.read_response().body == "1"; }));
    EXPECT_TRUE(eventually([&] { return kept.get("/") && kept.read_response().body == "1"; }))
        << "the other one alone";
}

TEST(Persistence, ProtectedConnectionsOutliveTheEndOfTheServer) {
    Server server("worker_processes 1; " + http(R"(location / { return 200 ok; }
        location /kept { keepalive_min_timeout 1h; keepalive_timeout 2h; return 200 ok; })"));
    Client idle(server.port());
    Client kept(server.port());
    ASSERT_TRUE(idle.get("/") && kept.get("/kept"));
    ASSERT_EQ(idle.read_response().status, 200);
    ASSERT_EQ(kept.read_response().status, 200);
    server.signal(SIGQUIT);
    EXPECT_TRUE(idle.wait_closed());
    ASSERT_TRUE(kept.get("/kept"));
    const Response last = kept.read_response();
    EXPECT_EQ(last.status, 200);
    EXPECT_TRUE(last.says_close());
    EXPECT_EQ(server.wait_exit(), 0);
}

TEST(Persistence, AfterItsProtectionAConnectionEndsWithTheServer) {
    Server server("worker_processes 1; worker_idle_drain 1h; " + http(R"(location / {
        keepalive_min_timeout 300ms; keepalive_timeout 2h; return 200 ok; })"));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    ASSERT_EQ(client.read_response().status, 200);
    server.signal(SIGQUIT);
    EXPECT_TRUE(client.wait_closed());
    EXPECT_EQ(server.wait_exit(), 0);
}

// Connections that have not asked yet are not idle: the next one waits until one of them has gone.
TEST(Persistence, AtTheLimitNewConnectionsWait) {
    Server server("worker_processes 1; events { worker_connections 2; } " +
                  http(R"(location / { return 200 ok; })"));
    Client first(server.port());
    Client second(server.port());
    ASSERT_TRUE(first.send("GET / HT") && second.send("GET / HT"));
    Client third(server.port());
    ASSERT_TRUE(third.get("/"));
    EXPECT_TRUE(server.wait_log("worker_connections are not enough"));
    first.close();
    EXPECT_EQ(third.read_response().status, 200);
}

}  // namespace
}  // namespace berth::test

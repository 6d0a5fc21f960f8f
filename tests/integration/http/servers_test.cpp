// Which server answers: addresses, names, and what redirects call it.
#include <gtest/gtest.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string body_for(const Server& server, std::string_view host, std::size_t port = 0,
                     const char* address = "127.0.0.1") {
    Client client(server.port(port), address);
    client.send("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\nConnection: close\r\n\r\n");
    return client.read_response().body;
}

TEST(Servers, NamesByPrecedence) {
    Server server(R"(http { access_log off;
        server { listen 127.0.0.1:{port}; server_name first.test; return 200 first; }
        server { listen 127.0.0.1:{port} default_server; server_name _; return 200 default; }
        server { listen 127.0.0.1:{port}; server_name www.example.com; return 200 exact; }
        server { listen 127.0.0.1:{port}; server_name *.example.com; return 200 leading; }
        server { listen 127.0.0.1:{port}; server_name *.sub.example.com; return 200 longer; }
        server { listen 127.0.0.1:{port}; server_name mail.*; return 200 trailing; }
        server { listen 127.0.0.1:{port}; server_name .both.test; return 200 both; }
        server { listen 127.0.0.1:{port}; server_name "~^(?<who>[a-z]+)\.user\.test$"; return 200 "user $who $1"; }
        server { listen 127.0.0.1:{port}; server_name "~^.+\.user\.test$"; return 200 second; }
        server { listen 127.0.0.1:{port}; server_name ""; return 200 nameless; } })");
    EXPECT_EQ(body_for(server, "first.test"), "first");
    EXPECT_EQ(body_for(server, "FIRST.test.:80"), "first");
    EXPECT_EQ(body_for(server, "nobody.test"), "default");
    EXPECT_EQ(body_for(server, "www.example.com"), "exact");
    EXPECT_EQ(body_for(server, "a.example.com"), "leading");
    EXPECT_EQ(body_for(server, "a.b.example.com"), "leading");
    EXPECT_EQ(body_for(server, "a.sub.example.com"), "longer");
    EXPECT_EQ(body_for(server, "example.com"), "default");
    EXPECT_EQ(body_for(server, "mail.anything.org"), "trailing");
    EXPECT_EQ(body_for(server, "mail.example.com"), "leading");
    EXPECT_EQ(body_for(server, "both.test"), "both");
    EXPECT_EQ(body_for(server, "x.both.test"), "both");
    EXPECT_EQ(body_for(server, "joe.user.test"), "user joe joe");
    EXPECT_EQ(body_for(server, "9.user.test"), "second");
    Client client(server.port());
    ASSERT_TRUE(client.send("GET / HTTP/1.0\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "nameless");
}

TEST(Servers, AddressesOfOnePort) {
    Server server(R"(http { access_log off;
        server { listen {port}; return 200 "any $server_addr"; }
        server { listen 127.0.0.2:{port}; server_name a; return 200 "two a"; }
        server { listen 127.0.0.2:{port}; server_name b; return 200 "two b"; }
        server { listen 127.0.0.3:{port1}; return 200 three; }
        server { listen [::1]:{port1}; return 200 "six $server_addr $remote_addr"; }
        server { listen unix:{dir}/s.sock; return 200 "unix $remote_addr"; } })");
    EXPECT_EQ(body_for(server, "a"), "any 127.0.0.1");
    EXPECT_EQ(body_for(server, "a", 0, "127.0.0.2"), "two a");
    EXPECT_EQ(body_for(server, "b", 0, "127.0.0.2"), "two b");
    EXPECT_EQ(body_for(server, "c", 0, "127.0.0.2"), "two a");
    EXPECT_EQ(body_for(server, "a", 1, "127.0.0.3"), "three");
    EXPECT_EQ(body_for(server, "a", 1, "::1"), "six ::1 ::1");
    Client local = Client::unix_socket(server.folder() / "s.sock");
    ASSERT_TRUE(local.get("/"));
    EXPECT_EQ(local.read_response().body, "unix unix:");
}

TEST(Servers, ConfigurationErrors) {
    ServerOptions options;
    options.start = false;
    Server server("", options);
    auto report = [&](const std::string& servers) {
        server.set_config("http { " + servers + " }");
        return server.command({"-t"}).err;
    };
    EXPECT_NE(report("server { listen 127.0.0.1:{port} default_server; } "
                     "server { listen 127.0.0.1:{port} default_server; }")
                  .find("a second default server"),
              std::string::npos);
    EXPECT_NE(report("server { listen 127.0.0.1:{port}; server_name a; } "
                     "server { listen 127.0.0.1:{port}; server_name a; }")
                  .find("conflicting server name"),
              std::string::npos);
    EXPECT_NE(report("server { listen 127.0.0.1:{port} backlgo=5; }").find("did you mean \"backlog\""),
              std::string::npos);
    const std::string bsd = report("server { listen 127.0.0.1:{port} accept_filter=httpready setfib=1; }");
    EXPECT_NE(bsd.find("\"accept_filter\" exists on FreeBSD only"), std::string::npos) << bsd;
    EXPECT_NE(bsd.find("\"setfib\" exists on FreeBSD only"), std::string::npos) << bsd;
    EXPECT_NE(report("server { listen unix:{dir}/s multipath; }").find("unix sockets have one path"),
              std::string::npos);
    EXPECT_NE(report("server { server_name www.*.com; }").find("invalid server name"), std::string::npos);
    EXPECT_NE(report("server { server_name \"~(\"; }").find("error"), std::string::npos);
}

std::string redirect(const Server& server, std::size_t port, std::string_view host) {
    Client client(server.port(port));
    client.send("GET /old HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
    return client.read_response().header("Location");
}

TEST(Servers, WhatRedirectsCallThem) {
    const std::string rest = "server_name own.test; location / { return 301 /new; } }";
    Server server("http { access_log off; server { listen 127.0.0.1:{port}; " + rest +
                  "server { listen 127.0.0.1:{port1}; absolute_redirect off; " + rest +
                  "server { listen 127.0.0.1:{port2}; port_in_redirect off; " + rest +
                  "server { listen 127.0.0.1:{port3}; server_name_in_redirect on; port_in_redirect off; " +
                  rest + "}");
    EXPECT_EQ(redirect(server, 0, "asked.test:99"),
              "http://asked.test:" + std::to_string(server.port()) + "/new");
    EXPECT_EQ(redirect(server, 1, "asked.test"), "/new");
    EXPECT_EQ(redirect(server, 2, "asked.test"), "http://asked.test/new");
    EXPECT_EQ(redirect(server, 3, "asked.test"), "http://own.test/new");
}

TEST(Servers, Tokens) {
    Server server(R"(http { access_log off;
        server { listen 127.0.0.1:{port}; location / { return 404; } }
        server { listen 127.0.0.1:{port1}; server_tokens off; location / { return 404; } } })");
    const Response told = fetch(server.port(0), "/");
    const Response quiet = fetch(server.port(1), "/");
    EXPECT_NE(told.header("Server").find('/'), std::string::npos);
    EXPECT_NE(told.body.find(told.header("Server")), std::string::npos);
    EXPECT_EQ(quiet.header("Server").find('/'), std::string::npos);
    EXPECT_FALSE(quiet.header("Server").empty());
    EXPECT_EQ(quiet.body.find(told.header("Server")), std::string::npos);
}

}  // namespace
}  // namespace berth::test

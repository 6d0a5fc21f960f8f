// Names behind the proxy: looked up for a request, looked up for an upstream, changing, failing, coming back.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/dns_server.hpp"

namespace berth::test {
namespace {

using Manner = DnsServer::Manner;

// Backends on one port of several addresses; each answers with its own.
class Backends {
 public:
    explicit Backends(const std::vector<std::string>& addresses) {
        for (const std::string& address : addresses) {
            all_.push_back(std::make_unique<Backend>(
                [address](BackendConnection& connection, const BackendRequest&) {
                    connection.send(answer(address));
                },
                address, all_.empty() ? std::uint16_t{0} : port()));
        }
    }
    std::uint16_t port() const { return all_.front()->port(); }
    std::string port_text() const { return ":" + std::to_string(port()); }
    Backend& operator[](std::size_t number) { return *all_[number]; }

 private:
    std::vector<std::unique_ptr<Backend>> all_;
};

std::string fetched(const Server& server) { return fetch(server.port(), "/").body; }
bool becomes(const Server& server, const std::string& body) {
    return eventually([&] { return fetched(server) == body; });
}
std::string status_of(const Server& server) { return fetch(server.port(), "/status?format=json").body; }

// --- for a request

// /NAME is passed to NAME.test on `port`.
std::string by_variable(const DnsServer& dns, const Backends& backends, const std::string& more = {}) {
    return "http { resolver " + dns.address() + " ipv6=off valid=100ms; " + more +
           " server { listen 127.0.0.1:{port}; location = /status { status; } "
           "location ~ ^/fast/(.*)$ { fastcgi_pass $1.test:1; } "
           "location ~ ^/(.*)$ { proxy_pass http://$1.test" +
           backends.port_text() + "; } } }";
}

TEST(ResolvedForARequest, NameBecomesAddress) {
    Backends backends({"127.0.0.2"});
    DnsServer dns;
    dns.set("a.test", {"127.0.0.2"});
    Server server(by_variable(dns, backends));
    EXPECT_EQ(fetch(server.port(), "/a").body, "127.0.0.2");
    EXPECT_EQ(fetch(server.port(), "/a").body, "127.0.0.2");
    const std::string status = status_of(server);
    EXPECT_NE(status.find("\"resolvers\""), std::string::npos) << status;
    EXPECT_NE(status.find("last_success_seconds_ago"), std::string::npos) << status;
}

TEST(ResolvedForARequest, EachAddressIsTriedBeforeItIs502) {
    Backends backends({"127.0.0.4"});
    DnsServer dns;
    dns.set("a.test", {"127.0.0.2", "127.0.0.3", "127.0.0.4"});
    dns.set("gone.test", {"127.0.0.2", "127.0.0.3"});
    Server server(by_variable(dns, backends));
    for (int i = 0; i < 6; ++i) EXPECT_EQ(fetch(server.port(), "/a").body, "127.0.0.4");
    EXPECT_EQ(fetch(server.port(), "/gone").status, 502);
}

TEST(ResolvedForARequest, AnAnswerThatIsNoneIsFollowedByTheNextAddress) {
    Backends backends({"127.0.0.2"});
    Backend ill(
        [](BackendConnection& connection, const BackendRequest&) {
            connection.send("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno");
        },
        "127.0.0.3", backends.port());
    DnsServer dns;
    dns.set("a.test", {"127.0.0.2", "127.0.0.3"});
    dns.set("ill.test", {"127.0.0.3"});
    Server server(by_variable(dns, backends, "proxy_next_upstream http_503;"));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(server.port(), "/a").body, "127.0.0.2");
    EXPECT_EQ(ill.requests(), 2U);
    EXPECT_EQ(fetch(server.port(), "/ill").status, 503);
}

TEST(ResolvedForARequest, WhatCannotBeResolvedIs502AndSaysWhy) {
    Backends backends({"127.0.0.2"});
    DnsServer dns;
    dns.behave("fails.test", Manner::fails);
    dns.behave("silent.test", Manner::silent);
    Server server(by_variable(dns, backends, "resolver_timeout 100ms;"));
    EXPECT_EQ(fetch(server.port(), "/none").status, 502);
    EXPECT_TRUE(server.wait_log("none.test could not be resolved (3: Host not found)"));
    EXPECT_EQ(fetch(server.port(), "/fails").status, 502);
    EXPECT_TRUE(server.wait_log("fails.test could not be resolved (2: Server failure)"));
    EXPECT_EQ(fetch(server.port(), "/silent").status, 502);
    EXPECT_TRUE(server.wait_log("silent.test could not be resolved (110: Operation timed out)"));
    EXPECT_EQ(fetch(server.port(), "/fast/none").status, 502);
    EXPECT_TRUE(server.wait_log("none.test could not be resolved", 2));
    EXPECT_EQ(fetch(server.port(), "/a..b").status, 500);
    EXPECT_TRUE(server.wait_log("invalid host in upstream \"a..b.test"));
}

TEST(ResolvedForARequest, WithoutAResolverItIs502) {
    Server server(
        "http { server { listen 127.0.0.1:{port}; location / { set $to none.test; proxy_pass http://$to; } } "
        "}");
    EXPECT_EQ(fetch(server.port(), "/").status, 502);
    EXPECT_TRUE(server.wait_log("no resolver defined to resolve none.test"));
}

TEST(ResolvedForARequest, AClientThatLeavesWhileItWaitsDisturbsNobody) {
    Backends backends({"127.0.0.2"});
    DnsServer dns;
    dns.set("a.test", {"127.0.0.2"});
    dns.behave("a.test", Manner::silent);
    Server server(by_variable(dns, backends));
    Client leaves(server.port());
    Client stays(server.port());
    leaves.get("/a");
    stays.get("/a");
    ASSERT_TRUE(eventually([&] { return dns.asked("a.test") > 0; }));
    leaves.abort();
    dns.behave("a.test", Manner::normal);
    EXPECT_EQ(stays.read_response().body, "127.0.0.2");
}

// --- for an upstream

std::string by_upstream(const DnsServer& dns, const std::string& servers, int workers = 1,
                        const std::string& more = {}) {
    return "worker_processes " + std::to_string(workers) +
           "; http { access_log off; upstream u { zone u 512k; " + servers + " resolver " + dns.address() +
           " ipv6=off valid=100ms; resolver_timeout 2s; " + more +
           " } server { listen 127.0.0.1:{port}; location = /status { status; } location / { proxy_pass "
           "http://u; } } }";
}
std::string named(const Backends& backends) { return "server app.test" + backends.port_text() + " resolve;"; }

TEST(ResolvedUpstream, StartsWithoutItsNameAndHealsWhenDnsAnswers) {
    Backends backends({"127.0.0.2"});
    DnsServer dns;
    Server server(by_upstream(dns, named(backends), 2));
    EXPECT_EQ(fetch(server.port(), "/").status, 502);
    EXPECT_TRUE(
        server.wait_log("app.test could not be resolved (3: Host not found), 0 of its servers are kept"));
    EXPECT_TRUE(server.wait_log("no live upstreams"));
    dns.set("app.test", {"127.0.0.2"});
    EXPECT_TRUE(becomes(server, "127.0.0.2"));
    EXPECT_TRUE(server.wait_log("is resolved again"));
}

TEST(ResolvedUpstream, TheFirstRequestsWaitForTheFirstAnswer) {
    Backends backends({"127.0.0.2"});
    DnsServer dns;
    dns.set("app.test", {"127.0.0.2"});
    dns.behave("app.test", Manner::silent);
    Server server(by_upstream(dns, named(backends), 2));
    std::vector<Client> clients;
    for (int i = 0; i < 8; ++i) clients.emplace_back(server.port()).get("/");
    ASSERT_TRUE(eventually([&] { return dns.asked("app.test") > 0; }));
    dns.behave("app.test", Manner::normal);
    for (Client& client : clients) EXPECT_EQ(client.read_response().body, "127.0.0.2");
}

TEST(ResolvedUpstream, AddressesThatStayKeepTheirConnections) {
    Backends backends({"127.0.0.2", "127.0.0.3", "127.0.0.4"});
    DnsServer dns;
    dns.set("app.test", {"127.0.0.2", "127.0.0.3"});
    Server server(by_upstream(dns, named(backends)));
    for (int i = 0; i < 10; ++i) fetched(server);
    ASSERT_EQ(backends[1].connections(), 1U);
    dns.set("app.test", {"127.0.0.3", "127.0.0.4"});
    ASSERT_TRUE(server.wait_log("has 2 addresses now: 1 new, 1 gone"));
    const std::size_t before = backends[0].requests();
    for (int i = 0; i < 10; ++i) fetched(server);
    EXPECT_EQ(backends[0].requests(), before);
    EXPECT_EQ(backends[1].requests() + backends[2].requests() + before, 20U);
    EXPECT_GE(backends[2].requests(), 4U);
    EXPECT_EQ(backends[1].connections(), 1U);
}

TEST(ResolvedUpstream, NoRequestFailsWhileAddressesChange) {
    Backends backends({"127.0.0.2", "127.0.0.3", "127.0.0.4"});
    DnsServer dns;
    dns.set("app.test", {"127.0.0.2"});
    Server server(by_upstream(dns, named(backends), 2));
    Load load(server.port(), "/");
    const std::vector<std::vector<std::string>> turns = {
        {"127.0.0.2", "127.0.0.3"}, {"127.0.0.3"}, {"127.0.0.4", "127.0.0.3"}, {"127.0.0.4"}, {"127.0.0.2"}};
    for (const auto& addresses : turns) {
        dns.set("app.test", addresses);
        const unsigned asked = dns.asked("app.test");
        EXPECT_TRUE(eventually([&] { return dns.asked("app.test") >= asked + 2; }));
        EXPECT_TRUE(load.wait_for(200));
    }
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U);
    for (std::size_t i = 0; i < 3; ++i) EXPECT_GT(backends[i].requests(), 0U) << i;
}

TEST(ResolvedUpstream, OldAddressesStayWhileDnsFailsAlsoOverAReload) {
    Backends backends({"127.0.0.2"});
    DnsServer dns;
    dns.set("app.test", {"127.0.0.2"});
    Server server(by_upstream(dns, named(backends), 2));
    ASSERT_TRUE(becomes(server, "127.0.0.2"));
    dns.behave("app.test", Manner::fails);
    ASSERT_TRUE(
        server.wait_log("app.test could not be resolved (2: Server failure), 1 of its servers are kept"));
    EXPECT_EQ(fetched(server), "127.0.0.2");
    const std::string status = status_of(server);
    EXPECT_NE(status.find("\"last_result\": \"Server failure\""), std::string::npos) << status;
    EXPECT_NE(status.find("resolved_seconds_ago"), std::string::npos) << status;
    const std::string metrics = fetch(server.port(), "/status?format=prometheus").body;
    EXPECT_NE(metrics.find("berth_upstream_name_failures_total"), std::string::npos) << metrics;
    dns.behave("app.test", Manner::silent);
    EXPECT_EQ(server.reload().code, 0);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(fetched(server), "127.0.0.2");
}

TEST(ResolvedUpstream, NoMoreAddressesThanTheResolverKeeps) {
    Backends backends({"127.0.0.2", "127.0.0.3"});
    DnsServer dns;
    dns.set("app.test", {"127.0.0.2", "127.0.0.3", "127.0.0.4"});
    Server server("http { upstream u { " + named(backends) + " resolver " + dns.address() +
                  " addresses=2; } server { listen 127.0.0.1:{port}; location = /status { status; } "
                  "location / { proxy_pass http://u; } } }");
    EXPECT_TRUE(server.wait_log("has as many addresses as the resolver keeps (addresses=2)"));
    for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 200);
    EXPECT_NE(status_of(server).find("\"dropped_records\": 1"), std::string::npos) << status_of(server);
}

TEST(ResolvedUpstream, AddressesOfANameThatIsGoneGo) {
    Backends backends({"127.0.0.2"});
    DnsServer dns;
    dns.set("app.test", {"127.0.0.2"});
    Server server(by_upstream(dns, named(backends)));
    ASSERT_TRUE(becomes(server, "127.0.0.2"));
    dns.remove("app.test");
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/").status == 502; }));
    dns.set("app.test", {"127.0.0.2"});
    EXPECT_TRUE(becomes(server, "127.0.0.2"));
}

TEST(ResolvedUpstream, ServiceRecordsSayPortsWeightsAndBackups) {
    std::array<std::unique_ptr<Backend>, 3> backends;
    for (std::size_t i = 0; i < backends.size(); ++i) {
        backends[i] = std::make_unique<Backend>([i](BackendConnection& connection, const BackendRequest&) {
            connection.send(answer(std::to_string(i)));
        });
    }
    DnsServer dns;
    dns.set("one.test", {"127.0.0.1"});
    dns.set_services("_http._tcp.app.test", {{5, 3, backends[0]->port(), "one.test"},
                                             {5, 1, backends[1]->port(), "one.test"},
                                             {9, 1, backends[2]->port(), "one.test"}});
    Server server(by_upstream(dns, "server app.test service=http resolve;"));
    std::array<int, 3> spread{};
    for (int i = 0; i < 8; ++i) ++spread[static_cast<std::size_t>(std::stoi(fetched(server)))];
    EXPECT_EQ(spread, (std::array<int, 3>{6, 2, 0}));
    dns.set_services("_http._tcp.app.test",
                     {{5, 1, backends[1]->port(), "one.test"}, {9, 1, backends[2]->port(), "one.test"}});
    ASSERT_TRUE(server.wait_log("has 2 addresses now: 0 new, 1 gone"));
    EXPECT_EQ(fetched(server), "1");
    backends[1]->stop();
    EXPECT_EQ(fetched(server), "2");
}

TEST(ResolvedUpstream, OneWorkerLooksUpAndAnotherGoesOnWhenItIsKilled) {
    Backends backends({"127.0.0.2", "127.0.0.3"});
    DnsServer dns;
    dns.set("app.test", {"127.0.0.2"});
    Server server(by_upstream(dns, named(backends), 3));
    ASSERT_TRUE(becomes(server, "127.0.0.2"));
    const std::vector<pid_t> first = server.workers();
    // With each round one of those who could look it up is gone.
    for (const pid_t worker : first) {
        ::kill(worker, SIGKILL);
        const unsigned asked = dns.asked("app.test");
        EXPECT_TRUE(eventually([&] { return dns.asked("app.test") > asked + 2; }));
    }
    dns.set("app.test", {"127.0.0.3"});
    EXPECT_TRUE(becomes(server, "127.0.0.3"));
}

// A real DNS server: its records come from a file that it reads again at SIGHUP.
class Dnsmasq {
 public:
    explicit Dnsmasq(const std::string& hosts) {
        write(hosts);
        const std::string port = std::to_string(port_.number());
        pid_ = start_program({"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
                              "--no-hosts", "--port=" + port, "--listen-address=127.0.0.1",
                              "--bind-interfaces", "--addn-hosts=" + folder_ / "hosts", "--local-ttl=1",
                              "--srv-host=_http._tcp.srv.test,one.test," + backend_port() + ",1,5",
                              "--local=/test/", "--user=root", "--pid-file"},
                             {}, folder_ / "out", folder_ / "err");
    }
    ~Dnsmasq() {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_.number()); }
    std::string backend_port() const { return std::to_string(backend.port()); }
    void set(const std::string& hosts) {
        write(hosts);
        ::kill(pid_, SIGHUP);
    }

    Backend backend{
        [](BackendConnection& connection, const BackendRequest&) { connection.send(answer("one")); }};

 private:
    void write(const std::string& hosts) { folder_.write("hosts", hosts); }

    TempFolder folder_;
    Port port_;
    pid_t pid_ = 0;
};

TEST(ResolvedByDnsmasq, AddressesServicesAndChanges) {
    if (!has_program("dnsmasq")) GTEST_SKIP() << "dnsmasq is not installed";
    Backends backends({"127.0.0.2", "127.0.0.3"});
    Dnsmasq dns("127.0.0.2 app.test\n127.0.0.1 one.test\n");
    const std::string app = "app.test" + backends.port_text();
    Server server("http { resolver " + dns.address() + "; upstream u { server " + app +
                  " resolve; } upstream s { server srv.test service=http resolve; } "
                  "server { listen 127.0.0.1:{port}; location / { proxy_pass http://u; } "
                  "location /service { proxy_pass http://s; } "
                  "location /variable { set $to " +
                  app + "; proxy_pass http://$to; } } }");
    EXPECT_TRUE(becomes(server, "127.0.0.2"));
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/service").body == "one"; }));
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/variable").body == "127.0.0.2"; }));
    dns.set("127.0.0.3 app.test\n127.0.0.1 one.test\n");
    EXPECT_TRUE(becomes(server, "127.0.0.3"));
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/variable").body == "127.0.0.3"; }));
}

TEST(ResolvedUpstream, ConfigurationThatMakesNoSenseIsExplained) {
    ServerOptions options;
    options.start = false;
    Server server("http { upstream u { server app.test resolve; } }", options);
    const RunResult result = server.command({"-t"});
    EXPECT_NE(result.code, 0);
    EXPECT_NE(result.err.find("no resolver for \"app.test\" of upstream \"u\""), std::string::npos)
        << result.err;
    EXPECT_NE(result.err.find("resolver system;"), std::string::npos) << result.err;
    server.set_config("http { upstream u { server app.test resolve; } resolver 127.0.0.1; }");
    EXPECT_EQ(server.command({"-t"}).code, 0);
}

}  // namespace
}  // namespace berth::test

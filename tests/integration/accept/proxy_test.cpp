// strategy=proxy: clients are who they are, and neither reloads nor deaths lose what no worker had begun on.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "event/listener.hpp"
#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/loopback.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {

namespace {

std::string config(unsigned workers, std::string_view events = "", std::string_view listen = "",
                   std::string_view main = "") {
    return "worker_processes " + std::to_string(workers) + ";\n" + std::string(main) +
           "\nevents { accept_strategy proxy; " + std::string(events) +
           " }\nhttp { server { listen 127.0.0.1:{port} " + std::string(listen) +
           "; location / { return 200 \"$pid $remote_addr $remote_port $server_addr $server_port\"; } "
           "location /file { alias {dir}/file; } } }\n";
}

void expect_nothing_lost(Load& load) {
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
}

// To another binary, which answers so many requests before the old one goes; both have two workers.
void upgrade(Server& server, Load& load, unsigned beside) {
    ASSERT_TRUE(load.wait_for(50));
    const pid_t old = server.master();
    ::kill(old, SIGUSR2);
    ASSERT_TRUE(eventually([&] { return server.master() != 0 && server.master() != old; }))
        << server.error_log();
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    ASSERT_TRUE(load.wait_for(beside));
    // Politely first: SIGQUIT closes idle connections at once.
    ::kill(old, SIGWINCH);
    ASSERT_TRUE(eventually([&] { return server.children(old).size() <= 1; })) << server.error_log();
    ::kill(old, SIGQUIT);
    ASSERT_TRUE(eventually([&] { return !alive(old); })) << server.error_log();
    ASSERT_TRUE(eventually([&] { return !server.folder().has("berth.pid.oldbin"); }));
}

class ProxyWorkersAddress : public testing::TestWithParam<const char*> {
 protected:
    static std::string where() {
        return std::string_view(GetParam()) == "unix" ? "unix:" : own_loopback() + ":9001+";
    }
    static std::string events() { return "worker_listen " + where() + ";"; }
};

TEST_P(ProxyWorkersAddress, ClientsAreSeenAsTheyAre) {
    Server server(
        "worker_processes 1;\nevents { accept_strategy proxy; }\nhttp { server {\n"
        "listen 127.0.0.1:{port} worker_listen=" +
        where() +
        "; listen [::1]:{port2}; listen unix:{dir}/web.sock; listen *:{port3};\n"
        "location / { return 200 \"$remote_addr $remote_port $server_addr $server_port\"; } } }\n");
    const std::string port = std::to_string(server.port());
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    const std::string body = client.read_response().body;
    EXPECT_TRUE(body.starts_with("127.0.0.1 ")) << body;
    EXPECT_TRUE(body.ends_with(" 127.0.0.1 " + port)) << body;
    EXPECT_EQ(occurrences(body, " 0 "), 0U) << body;
    const std::string wildcard = fetch(server.port(3), "/").body;
    EXPECT_TRUE(wildcard.ends_with(" 127.0.0.1 " + std::to_string(server.port(3)))) << wildcard;
    Client six(server.port(2), "::1");
    ASSERT_TRUE(six.get("/"));
    const std::string other = six.read_response().body;
    EXPECT_TRUE(other.starts_with("::1 ")) << other;
    EXPECT_TRUE(other.ends_with(" ::1 " + std::to_string(server.port(2)))) << other;
    Client local = Client::unix_socket(server.folder() / "web.sock");
    ASSERT_TRUE(local.get("/"));
    EXPECT_EQ(local.read_response().body, "unix:  unix: ");
}

TEST_P(ProxyWorkersAddress, ReloadsUnderLoadLoseNothing) {
    Server server(config(2, events()));
    ASSERT_TRUE(fronted(server, 2));
    Load load(server.port(), "/", long_run(8U, 16U));
    for (unsigned i = 0; i < long_run(5U, 100U); ++i) {
        ASSERT_TRUE(load.wait_for(50));
        const RunResult result = server.reload();
        ASSERT_EQ(result.code, 0) << result.err << server.error_log();
    }
    ASSERT_TRUE(load.wait_for(50));
    expect_nothing_lost(load);
    EXPECT_GT(load.counts().polite, 0U);
    EXPECT_EQ(occurrences(server.error_log(), "broken PROXY header"), 0U) << server.error_log();
}

TEST_P(ProxyWorkersAddress, AnUpgradeUnderLoadLosesNothing) {
    Server server(config(2, events()));
    ASSERT_TRUE(fronted(server, 2));
    Load load(server.port(), "/", long_run(8U, 16U));
    for (unsigned i = 0; i < long_run(1U, 10U); ++i) {
        ASSERT_NO_FATAL_FAILURE(upgrade(server, load, 50));
    }
    ASSERT_TRUE(load.wait_for(50));
    expect_nothing_lost(load);
    EXPECT_EQ(occurrences(server.error_log(), "broken PROXY header"), 0U) << server.error_log();
}

INSTANTIATE_TEST_SUITE_P(, ProxyWorkersAddress, testing::Values("unix", "tcp"),
                         [](const auto& where) { return std::string(where.param); });

ServerOptions in_the_background() {
    ServerOptions options;
    options.start = false;
    return options;
}

// The process that the configuration was loaded in is not the one that stays.
TEST(ProxyTest, AnUpgradeInTheBackgroundLosesNothing) {
    Server server("daemon on;\n" + config(2), in_the_background());
    ASSERT_TRUE(server.start());
    ASSERT_EQ(server.wait_exit(), 0);
    ASSERT_TRUE(fronted(server, 2));
    Load load(server.port(), "/", 4);
    ASSERT_NO_FATAL_FAILURE(upgrade(server, load, 200));
    ASSERT_TRUE(load.wait_for(50));
    expect_nothing_lost(load);
    EXPECT_EQ(occurrences(server.error_log(), "connect() "), 0U) << server.error_log();
}

TEST(ProxyTest, ServersMayHaveTheirSocketsInOneFolder) {
    Server first("daemon on;\n" + config(1, "worker_listen unix:{dir}/sockets;"), in_the_background());
    ASSERT_TRUE(first.start());
    ASSERT_EQ(first.wait_exit(), 0);
    ASSERT_TRUE(fronted(first, 1));
    Server second("daemon on;\n" + config(1, "worker_listen unix:" + first.folder().path() + "/sockets;"),
                  in_the_background());
    ASSERT_TRUE(second.start());
    ASSERT_EQ(second.wait_exit(), 0);
    ASSERT_TRUE(fronted(second, 1));
    EXPECT_EQ(fetch(first.port(), "/").status, 200) << first.error_log();
    EXPECT_EQ(fetch(second.port(), "/").status, 200);
}

TEST(ProxyTest, AFolderThatWorkersCannotReachIsRefused) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has workers that are somebody else";
    TempFolder closed;
    ASSERT_EQ(::chmod(closed.path().c_str(), 0700), 0);
    Server server("user nobody;\n" + config(1, "worker_listen unix:" + closed.path() + "/sockets;"),
                  in_the_background());
    EXPECT_FALSE(server.start());
    EXPECT_NE(server.err().find("it may not enter \"" + closed.path() + '"'), std::string::npos)
        << server.err();
}

TEST(ProxyTest, NoIdleTimeIsNoLimit) {
    Server server(config(1, "front_idle_timeout 0;"));
    ASSERT_TRUE(fronted(server, 1));
    Client client(server.port());
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(client.get("/"));
        EXPECT_EQ(client.read_response().status, 200);
    }
}

TEST(ProxyTest, IdleWorkersGetConnectionsInTurn) {
    Server server(config(4, "front_processes 1;"));
    ASSERT_TRUE(fronted(server, 4));
    std::map<pid_t, int> served;
    for (int i = 0; i < 40; ++i) ++served[pid_of(fetch(server.port(), "/"))];
    ASSERT_EQ(served.size(), 4U);
    for (const auto& [pid, count] : served) EXPECT_EQ(count, 10) << pid;
    EXPECT_EQ(title_of(server.fronts().front()), "berth: front 0 (generation 1)");
}

TEST(ProxyTest, AClientsAddressCanChooseTheWorker) {
    Server server(config(4, "", "balance=ip_hash"));
    ASSERT_TRUE(fronted(server, 4));
    std::set<pid_t> served;
    for (int i = 0; i < 10; ++i) served.insert(pid_of(fetch(server.port(), "/")));
    EXPECT_EQ(served.size(), 1U);
}

TEST(ProxyTest, OverTcpOnlyItsOwnFrontsAreHeard) {
    Server server(config(1, "worker_listen 127.0.0.1:{port1}+;"));
    ASSERT_TRUE(fronted(server, 1));
    for (const std::string_view header :
         {std::string_view("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.0\r\n\r\n"),
          std::string_view("GET / HTTP/1.0\r\n\r\n"),
          // Version 2 with a secret of the right length that is wrong.
          std::string_view("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x2f\x0a\0\0\1\x0a\0\0\2\0\1\0\2\xe0\0\x20"
                           "0123456789abcdef0123456789abcdef",
                           63)}) {
        Client stranger(server.port(1));
        ASSERT_TRUE(stranger.send(header));
        EXPECT_EQ(stranger.read_all(), "");
    }
    EXPECT_TRUE(server.wait_log("broken PROXY header: it is not from a front of this server", 2));
    EXPECT_TRUE(server.wait_log("broken PROXY header: it does not begin as one"));
    EXPECT_EQ(fetch(server.port(), "/").status, 200);
}

// What is behind the numbers that only another configuration has sockets for is nobody of ours.
TEST(ProxyTest, FrontsOfAnOlderConfigurationGoToNoPortThatItHasNot) {
    const auto listening_at = [](std::string_view where, unsigned workers) {
        return config(workers, "front_processes 1; worker_listen " + std::string(where) + "+;", "",
                      "worker_switch_timeout 1s;");
    };
    const std::string host = own_loopback();
    Listener stranger(*Address::parse(host + ":9003"), ListenOptions());
    ASSERT_TRUE(stranger.bind_and_listen());
    Server server(listening_at(host + ":9001", 2));
    ASSERT_TRUE(fronted(server, 2));
    const std::vector<pid_t> workers = server.workers();
    for (const pid_t pid : workers) ::kill(pid, SIGSTOP);
    std::vector<Client> clients;
    for (int i = 0; i < 12; ++i) ASSERT_TRUE(clients.emplace_back(server.port()).get("/"));
    ASSERT_TRUE(eventually([&] { return accepted(server.port()) == clients.size(); }));
    server.set_config(listening_at(host + ":9101", 4));
    EXPECT_EQ(server.reload().code, 0) << server.error_log();
    EXPECT_TRUE(eventually([&] { return server.workers().size() == 6; }));
    for (const pid_t pid : workers) ::kill(pid, SIGCONT);
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200) << server.error_log();
    EXPECT_FALSE(stranger.somebody_waits());
}

TEST(ProxyTest, AFrontThatWakesUpLateGoesToNoPortThatWasGivenBack) {
    const std::string host = own_loopback();
    const auto serving = [&](std::string_view listen) {
        return "worker_processes 2; worker_switch_timeout 1s;\nevents { front_processes 1; accept_hold "
               "100ms; "
               "worker_listen " +
               host + ":9001+; }\nhttp { server { listen 127.0.0.1:{port1}; " + std::string(listen) +
               " location / { return 200 $pid; } } }\n";
    };
    Server server(serving("listen 127.0.0.1:{port} strategy=proxy;"));
    ASSERT_TRUE(fronted(server, 2));
    const pid_t front = server.fronts().at(0);
    ::kill(front, SIGSTOP);
    std::vector<Client> clients;
    for (int i = 0; i < 4; ++i) ASSERT_TRUE(clients.emplace_back(server.port()).get("/"));
    server.set_config(serving(""));
    EXPECT_EQ(server.reload().code, 0) << server.error_log();
    Listener stranger(*Address::parse(host + ":9001"), ListenOptions());
    Listener another(*Address::parse(host + ":9002"), ListenOptions());
    EXPECT_TRUE(eventually([&] { return stranger.bind_and_listen().ok(); }));
    EXPECT_TRUE(eventually([&] { return another.bind_and_listen().ok(); }));
    ::kill(front, SIGCONT);
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 0);
    EXPECT_FALSE(stranger.somebody_waits());
    EXPECT_FALSE(another.somebody_waits());
}

TEST(ProxyTest, WhatAKilledWorkerHadNotTakenIsServedWhileTheServerRests) {
    Server server(config(2));
    ASSERT_TRUE(fronted(server, 2));
    const std::vector<pid_t> workers = server.workers();
    for (const pid_t pid : workers) ::kill(pid, SIGSTOP);
    std::vector<Client> clients;
    for (int i = 0; i < 6; ++i) {
        ASSERT_TRUE(clients.emplace_back(server.port()).get("/", "Connection: close\r\n"));
    }
    ASSERT_TRUE(eventually([&] { return accepted(server.port()) == clients.size(); }));
    server.signal(SIGWINCH);
    ASSERT_TRUE(eventually([&] { return server.fronts().empty(); })) << server.error_log();
    for (const pid_t pid : workers) ::kill(pid, SIGKILL);
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200) << server.error_log();
    EXPECT_TRUE(eventually([&] { return server.workers().empty(); })) << server.error_log();
    EXPECT_EQ(server.reload().code, 0);
    EXPECT_EQ(fetch(server.port(), "/").status, 200);
}

TEST(ProxyTest, AClientsOwnHeaderComesSecond) {
    Server server(
        "worker_processes 1; events { accept_strategy proxy; } http { server { listen 127.0.0.1:{port} "
        "proxy_protocol; location / { return 200 \"$remote_addr $proxy_protocol_addr\"; } } }");
    Client client(server.port());
    ASSERT_TRUE(client.send("PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    EXPECT_EQ(client.read_response().body, "127.0.0.1 10.0.0.1");
}

TEST(ProxyTest, FilesAndHalfClosesComeThroughWhole) {
    Server server(config(1));
    std::string file;
    for (unsigned i = 0; file.size() < 3'000'000; ++i) file += std::to_string(i * 2654435761U);
    server.folder().write("file", file);
    ASSERT_TRUE(fronted(server, 1));
    Client client(server.port());
    ASSERT_TRUE(client.get("/file"));
    client.shutdown_write();
    const Response response = client.read_response();
    EXPECT_TRUE(response.complete);
    EXPECT_TRUE(response.body == file);
    EXPECT_TRUE(client.wait_closed());
}

TEST(ProxyTest, WhatWaitsForAWorkerThatDiesIsServedByTheNext) {
    Server server(config(1));
    ASSERT_TRUE(fronted(server, 1));
    const pid_t victim = server.workers().front();
    ::kill(victim, SIGSTOP);
    std::vector<Client> clients;
    for (int i = 0; i < 20; ++i) {
        ASSERT_TRUE(clients.emplace_back(server.port()).get("/"));
    }
    ::kill(victim, SIGKILL);
    for (Client& client : clients) {
        const Response response = client.read_response();
        EXPECT_EQ(response.status, 200);
        EXPECT_NE(pid_of(response), victim);
    }
}

TEST(ProxyTest, AWorkerThatIsStuckHoldsNoMoreThanTheWindow) {
    Server server(config(3, "handoff_window 1;"));
    ASSERT_TRUE(fronted(server, 3));
    const pid_t victim = server.workers().front();
    ::kill(victim, SIGSTOP);
    std::vector<Client> clients;
    for (std::size_t i = 0; i < 30; ++i) {
        ASSERT_TRUE(clients.emplace_back(server.port()).get("/"));
        ASSERT_TRUE(eventually([&] { return answered(clients) >= i; })) << i;
    }
    EXPECT_EQ(answered(clients), 29U);
    ::kill(victim, SIGCONT);
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
}

TEST(ProxyTest, KilledWorkersLoseOnlyWhatTheyHadBegunOn) {
    Server server(config(3));
    ASSERT_TRUE(fronted(server, 3));
    for (unsigned i = 0; i < long_run(3U, 30U); ++i) {
        const pid_t victim = server.workers().front();
        ::kill(victim, SIGKILL);
        // Fresh connections, while the death is being noticed and after it.
        for (int n = 0; n < 30; ++n) {
            Client client(server.port());
            ASSERT_TRUE(client.get("/"));
            EXPECT_EQ(client.read_response().status, 200);
        }
        ASSERT_TRUE(eventually([&] { return !alive(victim) && server.workers().size() == 3; }));
    }
}

TEST(ProxyTest, AFrontThatDiesIsReplacedAndWhatItHeldIsCounted) {
    Server server(config(1));
    ASSERT_TRUE(fronted(server, 1));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    ASSERT_EQ(client.read_response().status, 200);
    const pid_t victim = server.fronts().front();
    ::kill(victim, SIGKILL);
    EXPECT_TRUE(client.wait_closed() || client.error() != 0);
    // The socket is the master's: nobody is refused meanwhile.
    EXPECT_EQ(fetch(server.port(), "/").status, 200);
    EXPECT_TRUE(
        server.wait_log("connections of front process " + std::to_string(victim) + " are lost with it"));
    EXPECT_EQ(server.fronts().size(), 1U);
}

TEST(ProxyTest, ConnectionsWaitWhileThereIsNoWorker) {
    Server server(config(1, "accept_hold 20s;", "", "worker_respawn_delay 300ms;"));
    ASSERT_TRUE(fronted(server, 1));
    // Young ones die until the next has to wait.
    ASSERT_TRUE(eventually([&] {
        for (const pid_t pid : server.workers()) ::kill(pid, SIGKILL);
        return occurrences(server.error_log(), "its replacement waits") > 0;
    }));
    EXPECT_EQ(fetch(server.port(), "/").status, 200);
}

TEST(ProxyTest, WithoutAWorkerForLongTheyAreClosedAndCounted) {
    Server server(config(1, "accept_hold 50ms;", "", "worker_respawn_delay 60s max=60s;"));
    ASSERT_TRUE(fronted(server, 1));
    ASSERT_TRUE(eventually([&] {
        for (const pid_t pid : server.workers()) ::kill(pid, SIGKILL);
        return occurrences(server.error_log(), "its replacement waits") > 0;
    }));
    ASSERT_TRUE(eventually([&] { return server.workers().empty(); }));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    EXPECT_EQ(client.read_response().status, 0);
    EXPECT_TRUE(server.wait_log("no worker took the connection within accept_hold"));
}

// A worker that ends a connection on which nothing was said means it: no other one is asked.
TEST(ProxyTest, WhereAllSlotsAreUsedClientsWaitUntilTheyCanBeServed) {
    Server server(config(1, "front_processes 1; front_connections 2; multi_accept on;"));
    ASSERT_TRUE(fronted(server, 1));
    const pid_t front = server.fronts().at(0);
    ::kill(front, SIGSTOP);
    std::vector<Client> clients;
    for (int i = 0; i < 5; ++i) clients.emplace_back(server.port());
    ::kill(front, SIGCONT);
    for (Client& client : clients) {
        ASSERT_TRUE(client.get("/"));
        EXPECT_EQ(client.read_response().status, 200) << server.error_log();
        client.close();
    }
}

TEST(ProxyTest, ASilentClientIsClosedByItsWorker) {
    Server server(
        "worker_processes 2; events { accept_strategy proxy; } http { server { client_header_timeout 50ms; "
        "listen 127.0.0.1:{port}; return 200 a; } }");
    Client client(server.port());
    EXPECT_TRUE(client.wait_closed());
}

TEST(ProxyTest, ALastAnswerIsGivenWhenTheServerQuits) {
    Server server(config(2, "front_processes 2;"));
    ASSERT_TRUE(fronted(server, 2, 2));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    ASSERT_EQ(client.read_response().status, 200);
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_TRUE(client.wait_closed());
}

TEST(ProxyTest, FrontsEndWithTheirMaster) {
    Server server(config(1));
    ASSERT_TRUE(fronted(server, 1));
    const pid_t front = server.fronts().front();
    ::kill(server.master(), SIGKILL);
    EXPECT_TRUE(eventually([&] { return !alive(front); }));
}

}  // namespace

}  // namespace berth::test

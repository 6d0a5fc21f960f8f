// What holds whatever the strategy is: changes lose nothing, want of descriptors loses nothing, and what is
// held is counted.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {

namespace {

std::string config(std::string_view strategy, unsigned workers, std::string_view events = {},
                   std::string_view main = {}) {
    return "worker_processes " + std::to_string(workers) + "; " + std::string(main) +
           "\nevents { accept_strategy " + std::string(strategy) + "; " + std::string(events) +
           " }\nhttp { server { listen 127.0.0.1:{port}; location / { return 200 $pid; }\n"
           "location /big { root {dir}; } }\n"
           "server { listen 127.0.0.1:{port1} strategy=shared; location / { status; } } }\n";
}

// So many workers answer there.
bool serves(const Server& server, std::size_t workers) {
    std::set<pid_t> seen;
    return eventually([&] {
        if (const pid_t pid = who_answers(server.port()); pid != 0) seen.insert(pid);
        return seen.size() >= workers && server.workers().size() == workers;
    });
}

void expect_clean(Load& load) {
    EXPECT_TRUE(load.wait_for(50)) << load.failures();
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
}

void reload_as(Server& server, const std::string& text, Load& load) {
    ASSERT_TRUE(load.wait_for(50)) << load.failures();
    server.set_config(text);
    const RunResult reload = server.reload();
    ASSERT_EQ(reload.code, 0) << reload.err << server.error_log();
}

struct StatusText {
    StatusText(const Server& of, std::string prometheus) : server(of), text(std::move(prometheus)) {}

    // A number of the port that {port} is, by one role; 0 where nothing was counted.
    std::uint64_t operator()(std::string_view name, std::string_view role) const {
        return value("berth_listener_" + std::string(name) + "{address=\"127.0.0.1:" +
                     std::to_string(server.port()) + "\",role=\"" + std::string(role) + "\"}");
    }
    std::uint64_t value(const std::string& sample) const {
        const std::size_t at = text.find('\n' + sample + ' ');
        return at == std::string::npos ? 0
                                       : std::strtoull(text.c_str() + at + sample.size() + 2, nullptr, 10);
    }

    const Server& server;
    std::string text;
};

StatusText status_of(const Server& server) {
    return StatusText(server, fetch(server.port(1), "/?format=prometheus").body);
}

bool becomes(const Server& server, std::string_view name, std::string_view role, std::uint64_t value) {
    return eventually([&] { return status_of(server)(name, role) == value; });
}

bool becomes(const Server& server, const std::string& name, std::uint64_t value) {
    return eventually([&] { return status_of(server).value(name) == value; });
}

class StrategyTest : public testing::TestWithParam<const char*> {
 protected:
    static std::string_view strategy() { return GetParam(); }
    static bool is(std::string_view name) { return strategy() == name; }
};

INSTANTIATE_TEST_SUITE_P(, StrategyTest, testing::Values("shared", "handoff", "reuseport", "proxy"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(StrategyTest, MoreAndFewerWorkersUnderLoad) {
    Server server(config(strategy(), 2));
    ASSERT_TRUE(serves(server, 2));
    Load load(server.port(), "/");
    for (unsigned i = 0; i < long_run(3U, 30U); ++i) {
        ASSERT_TRUE(load.wait_for(50));
        server.signal(SIGTTIN);
        ASSERT_TRUE(eventually([&] { return server.workers().size() == 3; }));
        ASSERT_TRUE(load.wait_for(50));
        server.signal(SIGTTOU);
        ASSERT_TRUE(server.wait_log("2 workers now", i + 1));
        ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    }
    expect_clean(load);
}

// Each of the twelve ways from one strategy to another.
TEST(StrategyChangeTest, UnderLoadEachBecomesEachOther) {
    Server server(config("shared", 2));
    Load load(server.port(), "/");
    for (unsigned i = 0; i < long_run(1U, 10U); ++i) {
        for (const char* next : {"handoff", "shared", "reuseport", "shared", "proxy", "handoff", "reuseport",
                                 "handoff", "proxy", "reuseport", "proxy", "shared"}) {
            reload_as(server, config(next, 2), load);
            if (HasFatalFailure()) return;
        }
    }
    expect_clean(load);
    EXPECT_EQ(server.error_log().find("waited for a worker"), std::string::npos) << server.error_log();
}

// Who accepts finds no descriptor: connections wait, it is tried again now and then, and all are served.
TEST_P(StrategyTest, WithoutDescriptorsConnectionsWait) {
    // Limits are changed by who is the same user.
    Server server(config(strategy(), 2, "", ::geteuid() == 0 ? "user root;" : ""));
    ASSERT_TRUE(serves(server, 2));
    std::vector<pid_t> accepting = is("proxy") ? server.children(server.master()) : server.workers();
    if (is("handoff")) accepting.push_back(server.master());
    std::vector<rlimit> before;
    for (const pid_t pid : accepting) before.push_back(forbid_descriptors(pid));
    std::vector<Client> clients;
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(clients.emplace_back(server.port()).get("/"));
    EXPECT_TRUE(server.wait_log("accept4() ", 2)) << server.error_log();
    for (std::size_t i = 0; i < accepting.size(); ++i) {
        ASSERT_EQ(::prlimit(accepting[i], RLIMIT_NOFILE, &before[i], nullptr), 0);
    }
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
    const StatusText status = status_of(server);
    std::uint64_t failures = 0;
    for (const char* role : {"worker", "front", "master"}) {
        failures += status("accept_failures_total", role);
        EXPECT_EQ(status("dropped_total", role), 0U);
    }
    // Were it tried without a pause, there would be tens of thousands.
    EXPECT_GE(failures, 2U);
    EXPECT_LT(failures, 2000U);
}

TEST_P(StrategyTest, CountsTheDescriptorsItHolds) {
    Server server(config(strategy(), 2));
    ASSERT_TRUE(serves(server, 2));
    constexpr std::uint64_t kClients = 9;
    std::vector<Client> clients;
    for (std::uint64_t i = 0; i < kClients; ++i) {
        ASSERT_TRUE(clients.emplace_back(server.port()).get("/"));
        ASSERT_EQ(clients.back().read_response().status, 200);
    }
    EXPECT_TRUE(becomes(server, "descriptors", "worker", kClients)) << status_of(server).text;
    // A front has two for each; the master has let go of what workers have taken.
    EXPECT_TRUE(becomes(server, "descriptors", "front", is("proxy") ? 2 * kClients : 0))
        << status_of(server).text;
    EXPECT_TRUE(becomes(server, "descriptors", "master", 0)) << status_of(server).text;
    clients.clear();
    EXPECT_TRUE(becomes(server, "descriptors", "worker", 0)) << status_of(server).text;
    EXPECT_TRUE(becomes(server, "descriptors", "front", 0)) << status_of(server).text;
}

// A pipe has two ends; it is lent for as long as much has to go one way. Now and then a client that is slow
// finds its front between two loans.
TEST(FrontTest, CountsThePipesOfBulkTransfers) {
    Server server(config("proxy", 1));
    constexpr std::size_t kSize = 64U << 20U;
    server.folder().write("big", std::string(kSize, 'x'));
    ASSERT_TRUE(serves(server, 1));
    for (const bool leaves : {false, true}) {
        Client client(server.port());
        ASSERT_TRUE(client.get("/big"));
        std::size_t got = 0;
        std::uint64_t held = 0;
        while (held != 4 && got < kSize) {
            got += client.read_some(256 * 1024).size();
            held = status_of(server)("descriptors", "front");
        }
        EXPECT_EQ(held, 4U) << got;
        if (leaves) {
            client.abort();
        } else {
            while (got < kSize) got += client.read_some(1024 * 1024).size();
            EXPECT_TRUE(becomes(server, "descriptors", "front", 2)) << status_of(server).text;
            client.close();
        }
        EXPECT_TRUE(becomes(server, "descriptors", "front", 0)) << status_of(server).text;
        EXPECT_TRUE(becomes(server, "open_connections", "worker", 0)) << status_of(server).text;
    }
}

TEST_P(StrategyTest, WhatPrometheusIsToldIsWellFormed) {
    if (!has_program("promtool")) GTEST_SKIP() << "promtool is not installed (Debian: prometheus)";
    Server server(config(strategy(), 2));
    ASSERT_TRUE(serves(server, 2));
    RunOptions options;
    options.input = fetch(server.port(1), "/?format=prometheus").body;
    const RunResult checked = run_program({"promtool", "check", "metrics"}, options);
    EXPECT_EQ(checked.code, 0);
    EXPECT_EQ(checked.out + checked.err, "");
}

TEST_P(StrategyTest, CountsTheIdleConnectionsThatAReloadCloses) {
    Server server(config(strategy(), 1, "", "worker_idle_drain 1ms;"));
    ASSERT_TRUE(serves(server, 1));
    Client idle(server.port());
    ASSERT_TRUE(idle.get("/"));
    ASSERT_EQ(idle.read_response().status, 200);
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_TRUE(idle.wait_closed());
    EXPECT_TRUE(becomes(server, "berth_connections_drain_closed_total", 1)) << status_of(server).text;
    EXPECT_EQ(status_of(server).value("berth_connections_shutdown_closed_total"), 0U);
}

TEST_P(StrategyTest, CountsTheWorkThatWorkerShutdownTimeoutEnds) {
    Server server(config(strategy(), 1, "", "worker_shutdown_timeout 1ms;"));
    ASSERT_TRUE(serves(server, 1));
    Client busy(server.port());
    ASSERT_TRUE(busy.send("GET / HTTP/1.1\r\n"));
    ASSERT_TRUE(eventually([&] {
        const StatusText status = status_of(server);
        return status("open_connections", "worker") == 1 && status("idle_connections", "worker") == 0;
    }));
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_TRUE(busy.wait_closed());
    const auto closed = [&] { return status_of(server).value("berth_connections_shutdown_closed_total"); };
    EXPECT_TRUE(eventually([&] { return closed() > 0; }));
    // A front and a worker may end their sides of it at once.
    EXPECT_LE(closed(), is("proxy") ? 2U : 1U) << status_of(server).text;
}

// --- who is next, where somebody chooses

class BalanceTest : public StrategyTest {};

INSTANTIATE_TEST_SUITE_P(, BalanceTest, testing::Values("handoff", "proxy"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(BalanceTest, RandomIsAnyone) {
    Server server(config(strategy(), 3, "accept_balance random;"));
    ASSERT_TRUE(serves(server, 3));
    std::vector<pid_t> order;
    std::map<pid_t, unsigned> counts;
    for (int i = 0; i < 90; ++i) ++counts[order.emplace_back(who_answers(server.port()))];
    EXPECT_EQ(counts.size(), 3U);
    EXPECT_EQ(counts.count(0), 0U);
    // In turns nobody would be chosen twice running.
    EXPECT_NE(std::ranges::adjacent_find(order), order.end());
}

TEST_P(BalanceTest, LeastConnPrefersWhoHasFewer) {
    Server server(config(strategy(), 2, "accept_balance least_conn;"));
    ASSERT_TRUE(serves(server, 2));
    std::map<pid_t, std::vector<Client>> kept;
    const auto add = [&] {
        Client client(server.port());
        EXPECT_TRUE(client.get("/"));
        const pid_t by = std::atoi(client.read_response().body.c_str());
        kept[by].push_back(std::move(client));
        return by;
    };
    for (int i = 0; i < 12; ++i) add();
    ASSERT_EQ(kept.size(), 2U);
    const pid_t fewer = kept.begin()->first;
    kept.erase(kept.begin());
    ASSERT_TRUE(eventually(
        [&] { return who_answers(server.port()) == fewer && who_answers(server.port()) == fewer; }));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(add(), fewer);
}

// --- what waits

TEST(HandoffQueueTest, TheMasterAcceptsNoMoreThanWindowsAndQueueHold) {
    Server server(config("handoff", 2, "handoff_window 1; handoff_queue 4;"));
    ASSERT_TRUE(serves(server, 2));
    const std::vector<pid_t> workers = server.workers();
    for (const pid_t pid : workers) ::kill(pid, SIGSTOP);
    std::vector<Client> clients;
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(clients.emplace_back(server.port()).get("/"));
    EXPECT_TRUE(eventually([&] { return accepted(server.port()) == 2 + 4; })) << accepted(server.port());
    EXPECT_TRUE(eventually([&] { return asleep(server.master()); }));
    EXPECT_EQ(accepted(server.port()), 2U + 4U);
    for (const pid_t pid : workers) ::kill(pid, SIGCONT);
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
}

// The only worker has no slot left: what the master has accepted for it waits there, and is seen.
TEST(HandoffQueueTest, WhatWaitsInTheMasterIsCounted) {
    Server server(config("handoff", 1, "worker_connections 8; handoff_queue 5;"));
    ASSERT_TRUE(serves(server, 1));
    // A question that is asked to its end when all slots are in use: an idle connection would have to go.
    constexpr std::string_view kHalf = "GET /?format=prometheus HTTP/1.1\r\nHost: a\r\n";
    Client asking(server.port(1));
    ASSERT_TRUE(asking.send(kHalf));
    std::vector<Client> held;
    for (std::size_t i = 1; i <= 7; ++i) {
        ASSERT_TRUE(held.emplace_back(server.port()).send("GET / HTTP/1.1\r\nHost: a\r\n"));
        ASSERT_TRUE(eventually([&] { return accepted(server.port()) == i; }));
    }
    // The first is refused: from then on the master knows that the worker is full.
    std::vector<Client> waiting;
    ASSERT_TRUE(waiting.emplace_back(server.port()).get("/"));
    ASSERT_TRUE(server.wait_log("worker_connections are not enough"));
    // The worker first: it logs before it tells the master.
    ASSERT_TRUE(eventually([&] { return asleep(server.workers().front()) && asleep(server.master()); }));
    for (int i = 0; i < 8; ++i) ASSERT_TRUE(waiting.emplace_back(server.port()).get("/"));
    EXPECT_TRUE(eventually([&] { return accepted(server.port()) == 7 + 5; })) << accepted(server.port());
    ASSERT_TRUE(eventually([&] { return asleep(server.master()); }));
    ASSERT_TRUE(asking.send("\r\n"));
    const StatusText status(server, asking.read_response().body);
    EXPECT_EQ(status("waiting_connections", "master"), 5U) << status.text;
    EXPECT_EQ(status("descriptors", "master"), 5U) << status.text;
    EXPECT_EQ(status("open_connections", "worker"), 7U) << status.text;
    const std::uint64_t refused = status("refused_total", "worker");
    EXPECT_GE(refused, 1U);
    // What was refused came back to the master, and waits again.
    EXPECT_EQ(status("redistributed_total", "worker"), refused);
    const std::uint64_t handed = status("handed_total", "worker");
    asking.close();
    for (Client& client : held) {
        ASSERT_TRUE(client.send("Connection: close\r\n\r\n"));
        EXPECT_EQ(client.read_response().status, 200);
    }
    for (Client& client : waiting) EXPECT_EQ(client.read_response().status, 200);
    const StatusText after = status_of(server);
    EXPECT_EQ(after("waiting_connections", "master"), 0U) << after.text;
    EXPECT_EQ(after("handed_total", "worker"), handed + 9) << after.text;
    EXPECT_EQ(after("dropped_total", "master"), 0U) << after.text;
}

// Nobody came in time.
TEST_P(BalanceTest, WhatIsDroppedIsCounted) {
    Server server(config(strategy(), 1, "accept_hold 10ms;", "worker_respawn_delay 1h max=1h;"));
    ASSERT_TRUE(serves(server, 1));
    // It dies early until the next one has to wait.
    ASSERT_TRUE(eventually([&] {
        for (const pid_t pid : server.workers()) ::kill(pid, SIGKILL);
        return occurrences(server.error_log(), "its replacement waits") > 0;
    }));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    ASSERT_EQ(client.read_response().status, 0);
    ASSERT_EQ(server.reload().code, 0);
    ASSERT_TRUE(serves(server, 1));
    const StatusText status = status_of(server);
    EXPECT_GE(status("dropped_total", is("proxy") ? "front" : "master"), 1U) << status.text;
}

// With everybody woken for each, all but one find nothing.
TEST(AcceptMutexOffTest, CountsWhoWasWokenForNothing) {
    Server server(config("shared", 8, "accept_mutex off;"));
    ASSERT_TRUE(serves(server, 8));
    EXPECT_TRUE(eventually([&] {
        for (int i = 0; i < 20; ++i) who_answers(server.port());
        return status_of(server)("empty_wakeups_total", "worker") > 0;
    }));
}

}  // namespace

}  // namespace berth::test

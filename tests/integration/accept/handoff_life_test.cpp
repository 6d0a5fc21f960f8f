// strategy=handoff through reloads, upgrades, other strategies, more and fewer workers: nothing fails.
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>

#include <stdexcept>
#include <utility>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {

namespace {

std::string config(std::string_view strategy, unsigned workers = 2) {
    // Some old workers here are stopped: a reload need not wait for them for long. Those that are killed
    // again and again are replaced at once.
    return "worker_processes " + std::to_string(workers) +
           ";\nworker_switch_timeout 100ms;\nworker_respawn_delay 0 max=1ms;\nevents { accept_strategy " +
           std::string(strategy) +
           "; }\nhttp { server { listen 127.0.0.1:{port}; location / { return 200 hello; } } }\n";
}

void expect_clean(Load& load) {
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
}

// The first of so many; 0 would be this process group, so there is always one.
pid_t first_worker(const Server& server, std::size_t count) {
    std::vector<pid_t> workers;
    if (!eventually([&] { return (workers = server.workers()).size() == count; })) {
        throw std::runtime_error("the workers are not there:\n" + server.error_log());
    }
    return workers.front();
}

// A new binary takes over; the old one goes.
void upgrade(Server& server, Load& load) {
    const pid_t old = server.master();
    ASSERT_GT(old, 1);
    ::kill(old, SIGUSR2);
    ASSERT_TRUE(eventually([&] {
        const pid_t now = server.master();
        return server.folder().has("berth.pid.oldbin") && now != 0 && now != old;
    }));
    ASSERT_TRUE(load.wait_for(50));
    ::kill(old, SIGWINCH);
    ASSERT_TRUE(eventually([&] { return server.workers(old).empty(); }));
    ASSERT_TRUE(load.wait_for(50));
    ::kill(old, SIGQUIT);
    ASSERT_TRUE(eventually([&] { return !alive(old); }));
    ASSERT_TRUE(load.wait_for(50));
}

TEST(HandoffLifeTest, UnderLoadReloadsAndUpgradesLoseNothing) {
    Server server(config("handoff"));
    Load load(server.port(), "/", long_run(8U, 16U));
    for (unsigned i = 0; i < long_run(5U, 100U); ++i) {
        ASSERT_TRUE(load.wait_for(50));
        const RunResult result = server.reload();
        ASSERT_EQ(result.code, 0) << result.err << server.error_log();
    }
    for (unsigned i = 0; i < long_run(1U, 10U); ++i) upgrade(server, load);
    expect_clean(load);
    EXPECT_EQ(server.error_log().find("waited for a worker"), std::string::npos);
}

// What waits in the master when an address changes hands goes to those who still serve it.
TEST(HandoffLifeTest, WhatWaitsDuringAReloadIsServed) {
    Server server(config("handoff", 1));
    ASSERT_EQ(fetch(server.port(), "/").body, "hello");
    const pid_t worker = first_worker(server, 1);
    for (const char* strategy : {"handoff", "shared"}) {
        const pid_t stuck = first_worker(server, 1);
        ::kill(stuck, SIGSTOP);
        std::vector<Client> clients;
        for (int i = 0; i < 5; ++i) {
            clients.emplace_back(server.port());
            ASSERT_TRUE(clients.back().get("/", "Connection: close\r\n"));
        }
        server.set_config(config(strategy, 1));
        EXPECT_EQ(server.reload().code, 0);
        ::kill(stuck, SIGCONT);
        for (Client& client : clients) EXPECT_EQ(client.read_response().body, "hello") << strategy;
        EXPECT_TRUE(eventually([&] { return !alive(stuck) && server.workers().size() == 1; }));
    }
    EXPECT_FALSE(alive(worker));
}

// So many of two workers; they are killed in the end, whatever happens.
class StoppedWorkers {
 public:
    StoppedWorkers(const Server& server, std::size_t count) {
        first_worker(server, 2);
        pids_ = server.workers();
        pids_.resize(count);
        for (const pid_t pid : pids_) ::kill(pid, SIGSTOP);
    }
    StoppedWorkers(const StoppedWorkers&) = delete;
    StoppedWorkers& operator=(const StoppedWorkers&) = delete;
    ~StoppedWorkers() { kill(); }

    void kill() {
        for (const pid_t pid : std::exchange(pids_, {})) ::kill(pid, SIGKILL);
    }

 private:
    std::vector<pid_t> pids_;
};

void reload_as(Server& server, std::string_view strategy) {
    server.set_config(config(strategy));
    const RunResult result = server.reload();
    ASSERT_EQ(result.code, 0) << result.err << server.error_log();
}

void expect_served(Server& server, std::vector<Client>& clients) {
    for (Client& client : clients) EXPECT_EQ(client.read_response().body, "hello") << server.error_log();
    EXPECT_EQ(server.error_log().find("waited for a worker"), std::string::npos) << server.error_log();
}

class HandoffChangeTest : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(, HandoffChangeTest, testing::Values("shared", "handoff", "reuseport", "proxy"),
                         [](const auto& one) { return std::string(one.param); });

// Nobody had begun on what they held, or on what waited behind them: the new workers do.
TEST_P(HandoffChangeTest, OldWorkersThatAreKilledTakeNothingWithThem) {
    for (const std::size_t stopped : {1, 2}) {
        Server server(config("handoff"));
        StoppedWorkers stuck(server, stopped);
        std::vector<Client> clients = crowd(server, 12, kOnce);
        // What the other one has answered is closed.
        const std::size_t kept = stopped == 2 ? clients.size() : 1;
        ASSERT_TRUE(eventually([&] { return accepted(server.port()) == kept; }));
        reload_as(server, GetParam());
        stuck.kill();
        expect_served(server, clients);
        EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    }
}

// Two workers that are stopped hold connections still when the strategy has changed.
class HeldOverTheChange {
 public:
    HeldOverTheChange(std::string_view strategy, std::size_t count) : clients(crowd(server, count, kOnce)) {
        EXPECT_TRUE(eventually([&] { return accepted(server.port()) == count; }));
        reload_as(server, strategy);
    }

    Server server{config("handoff")};
    StoppedWorkers stuck{server, 2};
    std::vector<Client> clients;
};

TEST_P(HandoffChangeTest, AndBackOldWorkersThatAreKilledTakeNothingWithThem) {
    HeldOverTheChange held(GetParam(), 12);
    reload_as(held.server, "handoff");
    held.stuck.kill();
    expect_served(held.server, held.clients);
    EXPECT_EQ(fetch(held.server.port(), "/").body, "hello");
}

// Only then: nobody is there who could.
TEST_P(HandoffChangeTest, WhatComesBackWhenItsAddressIsServedNoMoreIsClosedAndSaid) {
    HeldOverTheChange held(GetParam(), 2);
    Server& server = held.server;
    std::string elsewhere = config(GetParam());
    elsewhere.replace(elsewhere.find("{port}"), 6, "{port1}");
    server.set_config(elsewhere);
    EXPECT_EQ(server.reload().code, 0) << server.error_log();
    held.stuck.kill();
    for (Client& client : held.clients) EXPECT_TRUE(client.wait_closed());
    EXPECT_TRUE(server.wait_log("its address is served no more")) << server.error_log();
    EXPECT_EQ(fetch(server.port(1), "/").body, "hello");
}

// Its worker was told to end, and is killed before it has begun on it: another one is started for it alone.
TEST(HandoffLifeTest, WhatComesBackWhileTheServerRestsIsServed) {
    Server server(config("handoff", 1));
    const pid_t worker = first_worker(server, 1);
    ::kill(worker, SIGSTOP);
    Client client(server.port());
    ASSERT_TRUE(client.get("/", "Connection: close\r\n"));
    ASSERT_TRUE(eventually([&] { return accepted(server.port()) == 1; }));
    server.signal(SIGWINCH);
    ASSERT_TRUE(server.wait_log("stopping the workers"));
    ::kill(worker, SIGKILL);
    EXPECT_EQ(client.read_response().body, "hello") << server.error_log();
    EXPECT_TRUE(eventually([&] { return server.workers().empty(); })) << server.error_log();
    EXPECT_EQ(server.reload().code, 0);
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
}

TEST(HandoffLifeTest, WorkersThatAreKilledTakeNoConnectionWithThemThatTheyHadNotBegun) {
    Server server(config("handoff"));
    for (unsigned i = 0; i < long_run(5U, 1000U); ++i) {
        const pid_t victim = first_worker(server, 2);
        ::kill(victim, SIGSTOP);
        std::vector<Client> clients;
        for (int n = 0; n < 4; ++n) {
            clients.emplace_back(server.port());
            ASSERT_TRUE(clients.back().get("/", "Connection: close\r\n"));
        }
        ::kill(victim, SIGKILL);
        for (Client& client : clients) ASSERT_EQ(client.read_response().body, "hello") << i;
        ASSERT_TRUE(eventually([&] { return !alive(victim); }));
    }
}

TEST(HandoffLifeTest, AWorkerThatIsAskedByHandToQuitGivesBackWhatItIsSent) {
    Server server(config("handoff"));
    Load load(server.port(), "/");
    for (int i = 0; i < 3; ++i) {
        const pid_t worker = first_worker(server, 2);
        ASSERT_TRUE(load.wait_for(30));
        ::kill(worker, SIGQUIT);
        ASSERT_TRUE(eventually([&] { return !alive(worker); }));
    }
    expect_clean(load);
}

}  // namespace

}  // namespace berth::test

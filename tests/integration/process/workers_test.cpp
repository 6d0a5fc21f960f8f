// Workers: they are replaced when they die, and end when their master does.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

namespace {

constexpr std::string_view kConfig =
    "worker_processes 2;\nhttp { server { listen 127.0.0.1:{port}; location / { return 200 hello; } } }\n";

bool has_workers(const Server& server, std::size_t count) {
    return eventually([&] { return server.workers().size() == count; });
}

TEST(WorkersTest, AreTitledAndAsManyAsAsked) {
    Server server(kConfig);
    ASSERT_TRUE(has_workers(server, 2));
    EXPECT_TRUE(title_of(server.master()).starts_with("berth: master process "));
    std::string titles;
    for (const pid_t pid : server.workers()) titles += title_of(pid) + "\n";
    EXPECT_NE(titles.find("berth: worker 0 (generation 1)"), std::string::npos) << titles;
    EXPECT_NE(titles.find("berth: worker 1 (generation 1)"), std::string::npos) << titles;
}

TEST(WorkersTest, KilledOnesAreReplacedAndNoConnectionIsRefused) {
    Server server(kConfig);
    ASSERT_TRUE(has_workers(server, 2));
    for (int i = 0; i < 3; ++i) {
        const pid_t victim = server.workers().front();
        ::kill(victim, SIGKILL);
        for (int n = 0; n < 20; ++n) {
            Client client(server.port());
            EXPECT_TRUE(client.connected());
        }
        EXPECT_TRUE(eventually([&] { return !alive(victim) && server.workers().size() == 2; }));
        // A fresh connection is always served.
        EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/").body == "hello"; }));
    }
    EXPECT_EQ(occurrences(server.error_log(), "exited on signal 9"), 3U);
}

// The kernel wakes the first worker of the queue; when that one is full, the others have to serve.
TEST(WorkersTest, OneThatIsFullPassesOn) {
    Server server("events { worker_connections 4; }\n" + std::string(kConfig));
    ASSERT_TRUE(has_workers(server, 2));
    std::vector<Client> clients;
    for (int i = 0; i < 6; ++i) {
        Client& client = clients.emplace_back(server.port());
        ASSERT_TRUE(client.get("/"));
        EXPECT_EQ(client.read_response().body, "hello") << i;
    }
}

TEST(WorkersTest, StoppedDuringAReloadTheyStayStopped) {
    Server server(kConfig);
    ASSERT_TRUE(has_workers(server, 2));
    server.signal(SIGHUP);
    server.signal(SIGWINCH);
    ASSERT_TRUE(server.wait_log("stopping the workers"));
    EXPECT_TRUE(eventually([&] { return server.workers().empty(); }));
    EXPECT_EQ(server.reload().code, 0);
    EXPECT_TRUE(has_workers(server, 2));
}

TEST(WorkersTest, OneThatIsTerminatedByHandIsReplaced) {
    Server server(kConfig);
    ASSERT_TRUE(has_workers(server, 2));
    const pid_t victim = server.workers().front();
    ::kill(victim, SIGTERM);
    EXPECT_TRUE(eventually([&] { return !alive(victim) && server.workers().size() == 2; }));
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    EXPECT_EQ(occurrences(server.error_log(), "[alert]"), 0U);
}

TEST(WorkersTest, TtinAndTtouChangeTheirNumber) {
    Server server(kConfig);
    ASSERT_TRUE(has_workers(server, 2));
    server.signal(SIGTTIN);
    EXPECT_TRUE(has_workers(server, 3));
    server.signal(SIGTTOU);
    EXPECT_TRUE(has_workers(server, 2));
    server.signal(SIGTTOU);
    EXPECT_TRUE(has_workers(server, 1));
    server.signal(SIGTTOU);
    ASSERT_TRUE(server.wait_log("signal 22", 3));
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    EXPECT_EQ(server.workers().size(), 1U);
}

TEST(WorkersTest, EndWhenTheirMasterIsKilledAndThePortIsFree) {
    Server server(kConfig);
    ASSERT_TRUE(has_workers(server, 2));
    const std::vector<pid_t> workers = server.workers();
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    ASSERT_EQ(client.read_response().status, 200);
    ::kill(server.master(), SIGKILL);
    EXPECT_EQ(server.wait_exit(), 128 + SIGKILL);
    ASSERT_TRUE(client.get("/"));
    EXPECT_TRUE(client.read_response().says_close());
    EXPECT_TRUE(eventually([&] { return !alive(workers[0]) && !alive(workers[1]); }));
    // The stale pid file is in nobody's way, and the port can be bound again.
    EXPECT_TRUE(server.start()) << server.err() << server.error_log();
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
}

TEST(WorkersTest, ThatDieAtOnceAreReplacedEverMoreSlowly) {
    // Too few descriptors to start with: each worker dies before it is ready.
    Server server(
        "worker_processes 1;\nworker_rlimit_nofile 4;\nworker_respawn_delay 0 max=60s;\n"
        "http { server { listen 127.0.0.1:{port}; return 200 hello; } }\n");
    ASSERT_TRUE(server.wait_log("died early, 3 times now"));
    const RunResult status = server.command({"-s", "reopen"});  // the master is well
    EXPECT_EQ(status.code, 0) << status.err;
    EXPECT_LT(occurrences(server.error_log(), "start worker process"), 20U);
    EXPECT_TRUE(alive(server.master()));
}

TEST(WorkersTest, ThatAreNotReadyInTimeAreKilled) {
    Server server("worker_start_timeout 1ms;\nworker_respawn_delay 0 max=1ms;\n" + std::string(kConfig));
    // Some are quicker than that: these have to start again.
    const auto killed = [&] {
        for (const pid_t worker : server.workers()) ::kill(worker, SIGKILL);
        return occurrences(server.error_log(), "is not ready within worker_start_timeout: killed") > 0;
    };
    EXPECT_TRUE(eventually(killed)) << server.error_log();
    EXPECT_TRUE(alive(server.master()));
}

TEST(WorkersTest, ThatDoNotEndWhenTheyAreStoppedAreKilled) {
    Server server("worker_kill_timeout 7ms;\n" + std::string(kConfig));
    ASSERT_TRUE(has_workers(server, 2));
    const pid_t stuck = server.workers().front();
    ASSERT_EQ(::kill(stuck, SIGSTOP), 0);
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_FALSE(alive(stuck));
    EXPECT_NE(server.error_log().find("have not ended within 7 ms: killed"), std::string::npos);
}

TEST(WorkersTest, KillsUnderLoadCostOnlyWhatTheWorkerHeld) {
    Server server(kConfig);
    ASSERT_TRUE(has_workers(server, 2));
    Load load(server.port(), "/");
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(load.wait_for(100));
        ASSERT_TRUE(has_workers(server, 2));
        ::kill(server.workers().front(), SIGKILL);
    }
    ASSERT_TRUE(load.wait_for(200));
    load.stop();
    // Each kill may cost the eight clients one request each.
    EXPECT_LE(load.counts().failed + load.counts().stale, 40U) << load.failures();
    EXPECT_EQ(load.failures().find("connect:"), std::string::npos) << load.failures();
}

}  // namespace

}  // namespace berth::test

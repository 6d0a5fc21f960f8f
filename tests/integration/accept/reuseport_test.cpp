// strategy=reuseport: a socket for each slot, that always has somebody who looks at it.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {

namespace {

std::string reuseport(unsigned workers, std::string_view main = {}) {
    return answering_pid(workers, "", "strategy=reuseport", main);
}

bool has_workers(const Server& server, std::size_t count) {
    return eventually([&] { return server.workers().size() == count; });
}

// Nobody failed, and nobody was closed without notice.
void expect_unnoticed(Load& load) {
    EXPECT_TRUE(load.wait_for(50)) << load.failures();
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
}

void reload_with(Server& server, const std::string& config, Load& load) {
    EXPECT_TRUE(load.wait_for(50)) << load.failures();
    server.set_config(config);
    const RunResult reload = server.reload();
    EXPECT_EQ(reload.code, 0) << reload.err;
}

TEST(ReuseportTest, EveryWorkerGetsItsShare) {
    Server server(reuseport(3));
    ASSERT_TRUE(at_rest(server, 3));
    const std::map<pid_t, unsigned> counts = spread(server.port(), 150);
    EXPECT_EQ(counts.size(), 3U);
    for (const auto& [pid, count] : counts) EXPECT_GE(count, 10U) << pid;
}

TEST(ReuseportTest, MoreAndFewerWorkersLoseNoConnection) {
    Server server(reuseport(4));
    ASSERT_TRUE(has_workers(server, 4));
    Load load(server.port(), "/");
    for (unsigned i = 0; i < long_run(2U, 30U); ++i) {
        reload_with(server, reuseport(2), load);
        reload_with(server, reuseport(4), load);
    }
    expect_unnoticed(load);
}

TEST(ReuseportTest, AWorkerMoreOrLessLosesNoConnection) {
    Server server(reuseport(2));
    ASSERT_TRUE(has_workers(server, 2));
    Load load(server.port(), "/");
    for (unsigned i = 0; i < long_run(2U, 30U); ++i) {
        server.signal(SIGTTIN);
        EXPECT_TRUE(has_workers(server, 3));
        EXPECT_TRUE(load.wait_for(50)) << load.failures();
        server.signal(SIGTTOU);
        EXPECT_TRUE(has_workers(server, 2));
        EXPECT_TRUE(load.wait_for(50)) << load.failures();
    }
    expect_unnoticed(load);
    EXPECT_EQ(server.error_log().find("[alert]"), std::string::npos) << server.error_log();
}

TEST(ReuseportTest, ALivePortIsSwitchedThereAndBack) {
    const std::string shared = answering_pid(3, "", "strategy=shared");
    Server server(shared);
    ASSERT_TRUE(has_workers(server, 3));
    Load load(server.port(), "/");
    for (unsigned i = 0; i < long_run(3U, 50U); ++i) {
        reload_with(server, reuseport(3), load);
        reload_with(server, shared, load);
    }
    ASSERT_TRUE(upgrade_wholly(server));
    reload_with(server, reuseport(2), load);
    expect_unnoticed(load);
}

// The socket of a worker that is not replaced for a while is looked at by another.
TEST(ReuseportTest, TheSocketOfAWorkerInBackOffIsServed) {
    Server server(reuseport(2, "worker_respawn_delay 1h max=1h;"));
    ASSERT_TRUE(has_workers(server, 2));
    std::string victim_title = "berth: worker 1 ";
    const auto victim = [&] {
        for (const pid_t pid : server.workers()) {
            if (title_of(pid).starts_with(victim_title)) return pid;
        }
        return 0;
    };
    // One that dies often is not replaced at once any more.
    for (int i = 0; i < 50 && server.error_log().find("its replacement waits") == std::string::npos; ++i) {
        ASSERT_TRUE(eventually([&] {
            return victim() != 0 || server.error_log().find("its replacement waits") != std::string::npos;
        }));
        if (const pid_t pid = victim(); pid != 0) {
            ::kill(pid, SIGKILL);
            ASSERT_TRUE(eventually([&] { return !alive(pid); }));
        }
    }
    ASSERT_TRUE(server.wait_log("its replacement waits"));
    for (int i = 0; i < 40; ++i) ASSERT_NE(who_answers(server.port()), 0) << i;
    // A reload brings it back, and its socket with it.
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_EQ(spread(server.port(), 60).size(), 2U);
}

}  // namespace

}  // namespace berth::test

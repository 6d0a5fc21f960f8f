// strategy=shared in its three ways: who is woken, who gets how much, and what deaths cost.
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {

namespace {

struct Way {
    const char* name;
    const char* events;
    const char* listen;
    double least;  // voluntary context switches of eight workers for one connection
    double most;   // besides those of their ticks
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

std::string name_of(const testing::TestParamInfo<Way>& info) { return info.param.name; }

// With "on" nobody tries by himself in the time that a test has: whoever should be woken has to be.
constexpr Way kWays[] = {{"off", "accept_mutex off;", "", 3, 8.1},
                         {"exclusive", "accept_mutex exclusive;", "", 0.5, 1.0},
                         {"on", "accept_mutex on; accept_mutex_delay 60s;", "", 0.5, 1.0},
                         {"reuseport", "", "strategy=reuseport", 0.5, 1.0}};

class EachWayTest : public testing::TestWithParam<Way> {};
INSTANTIATE_TEST_SUITE_P(All, EachWayTest, testing::ValuesIn(kWays), name_of);

// The herd: connections that come one by one to workers that all sleep. The bars are exact only in the long
// form, which is meant for a machine with nothing else to do. Each worker's tick, once a second, is a switch
// as well, and no connection's.
TEST_P(EachWayTest, WakesAsManyAsItSays) {
    if (::getenv("BERTH_TEST_POLLER") != nullptr) GTEST_SKIP() << "EPOLLEXCLUSIVE is epoll's";
    const Way& way = GetParam();
    Server server(answering_pid(8, way.events, way.listen));
    ASSERT_TRUE(at_rest(server, 8));
    const unsigned count = long_run(60U, 1000U);
    const std::vector<pid_t> workers = server.workers();
    const auto begin = std::chrono::steady_clock::now();
    const std::uint64_t before = voluntary_switches(workers);
    std::vector<Client> clients;
    for (unsigned i = 0; i < count; ++i) {
        clients.emplace_back(server.port());
        ASSERT_TRUE(at_rest(server, 8));
    }
    const std::uint64_t switches = voluntary_switches(workers) - before;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(std::chrono::steady_clock::now() - begin);
    const auto ticks = 8 * static_cast<unsigned>(seconds.count());
    const double slack = long_run(count / 4, 0U);
    RecordProperty("switches", std::to_string(switches));
    RecordProperty("ticks", std::to_string(ticks));
    EXPECT_GE(switches, way.least * count - slack);
    EXPECT_LE(switches, way.most * count + ticks + slack);
}

TEST_P(EachWayTest, AnswersUnderReloadsAndAnUpgrade) {
    const Way& way = GetParam();
    Server server(answering_pid(3, way.events, way.listen));
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 3; }));
    Load load(server.port(), "/", long_run(8U, 16U));
    for (unsigned i = 0; i < long_run(5U, 100U); ++i) {
        ASSERT_TRUE(load.wait_for(50)) << load.failures();
        const RunResult reload = server.reload();
        ASSERT_EQ(reload.code, 0) << reload.err;
    }
    for (unsigned i = 0; i < long_run(1U, 10U); ++i) {
        ASSERT_TRUE(load.wait_for(50)) << load.failures();
        ASSERT_TRUE(upgrade_wholly(server));
    }
    ASSERT_TRUE(load.wait_for(50)) << load.failures();
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
}

// The worker that the kernel wakes for a connection, or that watches alone, is gone before it accepts.
TEST_P(EachWayTest, ConnectionsOfAWorkerThatDiesBeforeItAcceptsAreAnswered) {
    const Way& way = GetParam();
    Server server(answering_pid(4, way.events, way.listen, "worker_respawn_delay 0 max=1ms;"));
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 4; }));
    for (unsigned i = 0; i < long_run(30U, 1000U); ++i) {
        // The one that answers is the first that the kernel wakes next.
        const pid_t victim = who_answers(server.port());
        ASSERT_NE(victim, 0) << i;
        ::kill(victim, SIGSTOP);
        std::vector<Client> waiting;
        for (int n = 0; n < 4; ++n) {
            waiting.emplace_back(server.port());
            ASSERT_TRUE(waiting.back().get("/"));
        }
        ::kill(victim, SIGKILL);
        for (Client& client : waiting) ASSERT_EQ(client.read_response().status, 200) << i;
        ASSERT_TRUE(eventually([&] { return !alive(victim) && server.workers().size() == 4; })) << i;
    }
}

// Whom the kernel has just woken may have begun on it, and takes it along; but nobody waits in vain.
TEST_P(EachWayTest, NobodySleepsWhenTheWorkerThatWasJustWokenIsKilled) {
    const Way& way = GetParam();
    Server server(answering_pid(4, way.events, way.listen, "worker_respawn_delay 0 max=1ms;"));
    for (unsigned i = 0; i < long_run(20U, 1000U); ++i) {
        ASSERT_TRUE(at_rest(server, 4)) << i;
        const pid_t victim = who_answers(server.port());
        ASSERT_NE(victim, 0) << i;
        std::vector<Client> clients;
        clients.emplace_back(server.port());
        clients.emplace_back(server.port());
        ::kill(victim, SIGKILL);
        for (Client& client : clients) {
            const bool answered = client.get("/") && client.read_response().status == 200;
            ASSERT_TRUE(answered || client.error() != ETIMEDOUT) << i << server.error_log();
        }
        ASSERT_TRUE(eventually([&] { return !alive(victim); })) << i;
    }
}

// --- accept_mutex on

TEST(AcceptMutexTest, AStoppedHolderLosesItsPlaceAtItsDeadline) {
    Server server(answering_pid(3, "accept_mutex on; accept_mutex_delay 50ms;", ""));
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 3; }));
    const pid_t holder = who_answers(server.port());
    ::kill(holder, SIGSTOP);
    const pid_t next = who_answers(server.port());
    ::kill(holder, SIGCONT);
    EXPECT_NE(next, 0);
    EXPECT_NE(next, holder);
    EXPECT_NE(who_answers(server.port()), 0);
}

// 224 of 256 are seven eighths. The first one above that may find the other worker still asleep and come here
// all the same; each further one lets more turns pass.
TEST(AcceptMutexTest, OneThatIsSevenEighthsFullLeavesTheRestToOthers) {
    Server server(
        "worker_processes 2; events { worker_connections 256; accept_mutex on; }\n"
        "http { server { listen 127.0.0.1:{port}; location / { return 200 $pid; } } }\n");
    ASSERT_TRUE(at_rest(server, 2));
    const std::map<pid_t, unsigned> counts = spread(server.port(), 384);
    EXPECT_EQ(counts.size(), 2U);
    for (const auto& [pid, count] : counts) EXPECT_LE(count, 232U) << pid;
}

// --- accept_mutex exclusive

// On a busy machine one worker may have a second turn before another has its first: 2.1 times its share.
TEST(ExclusiveTest, IdleConnectionsAreSpread) {
    if (::getenv("BERTH_TEST_POLLER") != nullptr) GTEST_SKIP() << "EPOLLEXCLUSIVE is epoll's";
    Server server(answering_pid(8, "accept_mutex exclusive;", ""));
    ASSERT_TRUE(at_rest(server, 8));
    const unsigned count = long_run(400U, 1000U);
    const std::map<pid_t, unsigned> counts = spread(server.port(), count);
    unsigned most = 0;
    for (const auto& one : counts) most = std::max(most, one.second);
    EXPECT_LE(most, long_run(3U, 2U) * count / 8);
}

}  // namespace

}  // namespace berth::test

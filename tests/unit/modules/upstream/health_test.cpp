// Round robin, and what failures do to it.
#include "modules/upstream/health.hpp"

#include "tests/unit/modules/upstream/upstream_fixture.hpp"

namespace berth::upstream {
namespace {

class RoundRobinTest : public UpstreamTest {};
class HealthTest : public UpstreamTest {};

std::vector<Server> with(std::vector<Server> all, void (*change)(Parameters&)) {
    for (Server& each : all) change(each.parameters);
    return all;
}

TEST_F(RoundRobinTest, IsSmoothAndExact) {
    start(servers({5, 1, 1}));
    EXPECT_EQ(next_many(7), (std::vector{1, 1, 2, 1, 3, 1, 1}));
    EXPECT_EQ(next_many(7), (std::vector{1, 1, 2, 1, 3, 1, 1}));
}

TEST_F(RoundRobinTest, EqualWeightsTakeTurns) {
    start(servers({1, 1, 1}));
    EXPECT_EQ(next_many(6), (std::vector{1, 2, 3, 1, 2, 3}));
}

TEST_F(RoundRobinTest, EachPeerIsGivenOnceToARequest) {
    start(servers({1, 1, 1}));
    Selection selection(worker(), nullptr, nullptr);
    EXPECT_EQ(selection.peers(), 3U);
    std::vector<int> seen;
    for (int i = 0; i < 3; ++i) {
        Lease given = selection.try_acquire();
        ASSERT_TRUE(given);
        seen.push_back(number_of(given));
    }
    EXPECT_EQ(seen, (std::vector{1, 2, 3}));
    const Lease none = selection.try_acquire();
    EXPECT_FALSE(none);
    EXPECT_EQ(none.refusal(), Refusal::no_live_peers);
    EXPECT_EQ(group().shared().refused[static_cast<std::size_t>(Refusal::no_live_peers)], 0U)
        << "a request that had its tries was not refused";
}

TEST_F(RoundRobinTest, BackupsStandIn) {
    std::vector<Server> all = servers({1, 1});
    all.push_back(server("10.0.0.9:80", backup()));
    start(std::move(all));
    EXPECT_EQ(next_many(4), (std::vector{1, 2, 1, 2}));
    EXPECT_EQ(next(Failure::reset), 1);
    EXPECT_EQ(next(Failure::reset), 2);
    EXPECT_EQ(next_many(2), (std::vector{9, 9}));
}

TEST_F(RoundRobinTest, DownAndDrainGetNothing) {
    std::vector<Server> all = servers({1, 1, 1});
    all[0].parameters.down = true;
    all[1].parameters.drain = true;
    start(std::move(all));
    EXPECT_EQ(next_many(3), (std::vector{3, 3, 3}));
    EXPECT_EQ(condition(1), Condition::down);
    EXPECT_EQ(condition(2), Condition::draining);
    EXPECT_EQ(condition(3), Condition::up);
}

TEST_F(HealthTest, OutAfterMaxFailsThenOneProbe) {
    start(with(servers({1, 1}), [](Parameters& p) { p.max_fails = 2; }));
    EXPECT_EQ(next(Failure::timeout), 1);
    EXPECT_EQ(condition(1), Condition::up);
    EXPECT_EQ(next(), 2);
    EXPECT_EQ(next(Failure::timeout), 1);
    EXPECT_EQ(condition(1), Condition::failed);
    EXPECT_EQ(view(1).reason, "timed out");
    EXPECT_GT(view(1).since, 0U);
    EXPECT_EQ(next_many(3), (std::vector{2, 2, 2}));

    pass(10001);
    Selection first(worker(), nullptr, nullptr);
    Selection second(worker(), nullptr, nullptr);
    Lease a = first.try_acquire();
    Lease b = second.try_acquire();
    Lease probe = number_of(a) == 1 ? std::move(a) : std::move(b);
    ASSERT_EQ(number_of(probe), 1);
    EXPECT_EQ(condition(1), Condition::probing);
    EXPECT_EQ(next_many(4), (std::vector{2, 2, 2, 2})) << "one request probes, the others go elsewhere";
    probe.end();
    EXPECT_EQ(condition(1), Condition::up);
    EXPECT_EQ(view(1).reason, "");
    EXPECT_EQ(spread(10), (std::map<int, int>{{1, 5}, {2, 5}}));
    EXPECT_EQ(view(1).unavailable, 1U);
}

TEST_F(HealthTest, AFailedProbeCostsAnotherTimeout) {
    start(servers({1, 1}));
    EXPECT_EQ(next(Failure::timeout), 1);
    pass(10001);
    std::vector<int> seen;
    for (int i = 0; i < 4; ++i) seen.push_back(next(seen.empty() ? Failure::none : Failure::none));
    EXPECT_EQ(condition(1), Condition::up);
    while (next(Failure::none) != 2) {}
    EXPECT_EQ(next(Failure::invalid), 1);
    pass(10001);
    Lease probe;
    while (!probe || number_of(probe) != 1) probe = lease();
    Report failed;
    failed.failure = Failure::timeout;
    probe.end(failed);
    EXPECT_EQ(condition(1), Condition::failed);
    EXPECT_EQ(next_many(3), (std::vector{2, 2, 2}));
}

TEST_F(HealthTest, AProbeNobodyHeardOfIsFollowedByAnother) {
    start(servers({1, 1}));
    EXPECT_EQ(next(Failure::timeout), 1);
    pass(10001);
    Lease lost = lease();
    while (number_of(lost) != 1) lost = lease();
    pass(10001);
    Lease again = lease();
    while (number_of(again) != 1) again = lease();
    again.end();
    EXPECT_EQ(condition(1), Condition::up);
}

TEST_F(HealthTest, FailuresFarApartDoNotAddUp) {
    start(with(servers({1, 1}), [](Parameters& p) { p.max_fails = 2; }));
    EXPECT_EQ(next(Failure::timeout), 1);
    pass(10001);
    spread(4);
    EXPECT_EQ(view(1).fails, 0U);
    while (next() != 2) {}
    EXPECT_EQ(next(Failure::timeout), 1);
    EXPECT_EQ(condition(1), Condition::up);
}

TEST_F(HealthTest, WhenTheKernelSaysSoOnceIsEnough) {
    start(with(servers({1, 1}), [](Parameters& p) { p.max_fails = 5; }));
    EXPECT_EQ(next(Failure::connect_refused), 1);
    EXPECT_EQ(condition(1), Condition::failed);
    EXPECT_EQ(next_many(3), (std::vector{2, 2, 2}));
}

TEST_F(HealthTest, MaxFailsZeroCountsNothing) {
    start(with(servers({1, 1}), [](Parameters& p) { p.max_fails = 0; }));
    EXPECT_EQ(next(Failure::connect_refused), 1);
    EXPECT_EQ(next(), 2);
    EXPECT_EQ(next(), 1);
}

TEST_F(HealthTest, StaleConnectionsSayNothing) {
    start(servers({1, 1}));
    EXPECT_EQ(next(Failure::stale), 1);
    EXPECT_EQ(condition(1), Condition::up);
    EXPECT_EQ(view(1).failures[static_cast<std::size_t>(Failure::stale)], 1U);
}

TEST_F(HealthTest, AnOnlyPeerIsNeverTakenOut) {
    start(servers({1}));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(next(Failure::connect_refused), 1);
    EXPECT_EQ(condition(1), Condition::up);
}

TEST_F(HealthTest, WhenAllHaveFailedTheOldestIsTriedSoon) {
    start(servers({1, 1}));
    EXPECT_EQ(next(Failure::connect_refused), 1);
    pass(100);
    EXPECT_EQ(next(Failure::connect_refused), 2);
    EXPECT_EQ(next(), 0);
    EXPECT_EQ(group().shared().refused[static_cast<std::size_t>(Refusal::no_live_peers)], 1U);
    pass(950);
    Lease probe = lease();
    ASSERT_TRUE(probe);
    EXPECT_EQ(number_of(probe), 1);
    EXPECT_EQ(next(), 0) << "one request at a time";
    probe.end();
    EXPECT_EQ(next_many(2), (std::vector{1, 1}));
}

TEST_F(HealthTest, SlowStartRampsUp) {
    start(with(servers({1, 1}), [](Parameters& p) { p.slow_start = 10s; }));
    EXPECT_EQ(spread(10), (std::map<int, int>{{1, 5}, {2, 5}})) << "nobody warms up at the start";
    while (next() != 2) {}
    EXPECT_EQ(next(Failure::connect_refused), 1);
    pass(10001);
    while (next() != 1) {}
    ASSERT_EQ(condition(1), Condition::up);
    auto share = [&](std::uint64_t at) {
        PeerState* peer = group().roster().members[0].peer;
        int of_first = 0;
        for (int i = 0; i < 1000; ++i) {
            peer->warming_from = worker().now() - at;
            of_first += next() == 1 ? 1 : 0;
        }
        return of_first;
    };
    // Of weights 10:100, 50:100 and 100:100.
    EXPECT_NEAR(share(1000), 1000 * 10 / 110, 2);
    EXPECT_NEAR(share(5000), 1000 * 50 / 150, 2);
    EXPECT_NEAR(share(10000), 500, 2);
}

TEST_F(HealthTest, ChecksTakePeersOutAndBringThemBack) {
    start(servers({1, 1}));
    const std::uint64_t now = worker().now();
    EXPECT_TRUE(group().report_health("10.0.0.1:80", Health::unhealthy, "status 500", now));
    EXPECT_FALSE(group().report_health("10.0.0.1:80", Health::unhealthy, "timed out", now));
    EXPECT_EQ(condition(1), Condition::unhealthy);
    EXPECT_EQ(view(1).reason, "timed out");
    EXPECT_EQ(next_many(2), (std::vector{2, 2}));
    EXPECT_TRUE(group().report_health("10.0.0.1:80", Health::healthy, "", now));
    EXPECT_EQ(condition(1), Condition::up);
    EXPECT_FALSE(group().report_health("10.0.0.7:80", Health::healthy, "", now));

    EXPECT_TRUE(group().report_health("10.0.0.2:80", Health::ejected, "5 answers of 5xx", now, now + 30000));
    EXPECT_EQ(condition(2), Condition::ejected);
    EXPECT_EQ(next_many(2), (std::vector{1, 1}));
    pass(30001);
    EXPECT_EQ(condition(2), Condition::up);
    EXPECT_EQ(spread(4).count(2), 1U);
}

}  // namespace
}  // namespace berth::upstream

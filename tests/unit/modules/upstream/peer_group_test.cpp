// Peers in shared memory: reloads, workers that die, changes while the server runs.
#include "modules/upstream/peer_group.hpp"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/long_run.hpp"
#include "tests/unit/modules/upstream/upstream_fixture.hpp"

namespace berth::upstream {
namespace {

class PeerGroupTest : public UpstreamTest {
 protected:
    Slab::Stats stats() {
        const std::shared_ptr<Zone> zone = *open_zone("upstream test/u", 0, ZoneSize::at_least);
        return zone->slab().stats();
    }
    std::unique_ptr<Upstream> next_generation(std::vector<Server> all) {
        auto next = std::make_unique<Upstream>("u");
        next->servers = std::move(all);
        EXPECT_TRUE(next->prepare("test", 2).ok());
        return next;
    }
};

// What a child process and its parent share besides the zone.
struct Shared {
    std::atomic<std::uint64_t> alive = 7;
    std::atomic<int> step = 0;
};
Shared& shared_page() {
    void* memory = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return *new (memory) Shared;
}

void kill_and_wait(pid_t child) {
    ::kill(child, SIGKILL);
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
}

bool reaches(const std::atomic<int>& step, int wanted) {
    for (int i = 0; i < 100000; ++i) {
        if (step.load() >= wanted) return true;
        ::usleep(100);
    }
    return false;
}

TEST_F(PeerGroupTest, ReloadKeepsStateByAddress) {
    start(servers({1, 1, 1}));
    EXPECT_EQ(next(Failure::connect_refused), 1);
    Lease under_way = lease();
    ASSERT_EQ(number_of(under_way), 2);

    std::vector<Server> all = servers({1, 3});
    all.push_back(server("10.0.0.9:80"));
    std::unique_ptr<Upstream> second = next_generation(std::move(all));
    const std::vector<PeerView> seen = second->group().view(worker().now());
    ASSERT_EQ(seen.size(), 3U);
    EXPECT_EQ(seen[0].condition, Condition::failed);
    EXPECT_EQ(seen[0].requests, 1U);
    EXPECT_EQ(seen[1].active, 1U);
    EXPECT_EQ(seen[1].parameters.weight, 3U);
    EXPECT_EQ(seen[2].requests, 0U);
    EXPECT_EQ(view(2).parameters.weight, 1U) << "the old generation is served as it was";
    under_way.end();
    EXPECT_EQ(second->group().view(0)[1].active, 0U);
}

TEST_F(PeerGroupTest, RoundRobinGoesOnAfterAReload) {
    start(servers({1, 1, 1}));
    EXPECT_EQ(next_many(2), (std::vector{1, 2}));
    std::unique_ptr<Upstream> second = next_generation(servers({1, 1, 1}));
    upstream_->stop();
    upstream_ = std::move(second);
    ASSERT_TRUE(upstream_->start(connections_, owner(), nullptr, nullptr).ok());
    EXPECT_EQ(next_many(3), (std::vector{3, 1, 2}));
}

TEST_F(PeerGroupTest, OldGenerationsAreFreedWhenTheirWorkersHaveGone) {
    start(servers({1, 1}));
    const std::size_t before = stats().used_bytes;
    std::unique_ptr<Upstream> second = next_generation(servers({1, 1, 1, 1}));
    EXPECT_GT(stats().used_bytes, before);
    second.reset();  // a reload that was rejected
    EXPECT_EQ(stats().used_bytes, before);

    std::unique_ptr<Upstream> third = next_generation(servers({1, 1}));
    std::atomic<std::uint64_t> draining = 5;
    Result<Column*> column = group().attach({&draining, 5});
    ASSERT_TRUE(column.ok());
    upstream_->stop();
    upstream_ = std::move(third);
    ASSERT_TRUE(upstream_->start(connections_, owner(), nullptr, nullptr).ok());
    EXPECT_GT(stats().used_bytes, before) << "a worker still uses it";
    draining = 0;
    group().view(0);
    EXPECT_EQ(stats().used_bytes, before);
}

TEST_F(PeerGroupTest, WhatAKilledWorkerHeldIsFree) {
    std::vector<Server> all = servers({1, 1});
    all[0].parameters.max_conns = 2;
    all[1].parameters.down = true;
    start(std::move(all));
    Shared& shared = shared_page();
    const pid_t child = ::fork();
    if (child == 0) {
        Result<Column*> column = group().attach({&shared.alive, 7});
        const PeerGroup::Lock held = group().lock();
        PeerState& peer = *group().roster().members[0].peer;
        group().take_place(**column, peer);
        group().take_place(**column, peer);
        shared.step = 1;
        ::pause();  // with the lock, which nobody would ever give back
    }
    ASSERT_TRUE(reaches(shared.step, 1));
    kill_and_wait(child);
    EXPECT_EQ(lease().refusal(), Refusal::all_busy) << "the master has not yet heard of it";
    shared.alive = 0;
    EXPECT_EQ(view(1).active, 0U);
    EXPECT_TRUE(lease());
    EXPECT_EQ(group().totals().lost_requests, 2U);
    EXPECT_EQ(group().totals().lost_workers, 1U);
    EXPECT_EQ(group().totals().workers, 1U);
    ::munmap(&shared, 4096);
}

TEST_F(PeerGroupTest, TotalsAreRightAfterADeathInTheMiddle) {
    start(servers({1, 1}));
    Lease mine = lease();
    Shared& shared = shared_page();
    const pid_t child = ::fork();
    if (child == 0) {
        Result<Column*> column = group().attach({&shared.alive, 7});
        const PeerGroup::Lock held = group().lock();
        ++group().roster().members[0].peer->active;  // killed before it counted its own
        shared.step = 1;
        ::pause();
        static_cast<void>(column);
    }
    ASSERT_TRUE(reaches(shared.step, 1));
    kill_and_wait(child);
    shared.alive = 0;
    EXPECT_EQ(view(1).active, 1U);
    EXPECT_EQ(view(2).active, 0U);
    mine.end();
    EXPECT_EQ(view(1).active, 0U);
    ::munmap(&shared, 4096);
}

// Workers that are killed wherever they happen to be: nothing stays behind, and the zone is whole.
TEST_F(PeerGroupTest, KilledAtAnyInstant) {
    start(servers({3, 1, 1}));
    const std::size_t before = stats().used_bytes;
    Shared& shared = shared_page();
    const int rounds = test::long_run(40, 2000);
    for (int round = 0; round < rounds; ++round) {
        shared.alive = 7;
        shared.step = 0;
        const pid_t child = ::fork();
        if (child == 0) {
            const Owner mine{&shared.alive, 7};
            Result<std::unique_ptr<UpstreamWorker>> worker =
                UpstreamWorker::create(*upstream_, connections_, mine, nullptr);
            for (;;) {
                Selection selection(**worker, nullptr, nullptr);
                Lease first = selection.try_acquire();
                Lease second = selection.try_acquire();
                first.end();
                ++shared.step;
            }
        }
        EXPECT_TRUE(reaches(shared.step, 1 + round * 7 % 50));
        kill_and_wait(child);
        shared.alive = 0;
        for (int number = 1; number <= 3; ++number) EXPECT_EQ(view(number).active, 0U) << "round " << round;
    }
    EXPECT_TRUE((*open_zone("upstream test/u", 0, ZoneSize::at_least))->slab().consistent());
    // What was being allocated at such a moment may be lost; no more than a column each time.
    EXPECT_LE(stats().used_bytes, before + static_cast<std::size_t>(rounds) * 256);
    EXPECT_NE(next(), 0);
    ::munmap(&shared, 4096);
}

TEST_F(PeerGroupTest, WorkersSeeOneAnother) {
    std::vector<Server> all = servers({1, 1});
    all[0].parameters.max_conns = 1;
    start(std::move(all));
    Result<std::unique_ptr<UpstreamWorker>> other =
        UpstreamWorker::create(*upstream_, connections_, owner(), nullptr);
    ASSERT_TRUE(other.ok());
    Lease mine = lease();
    ASSERT_EQ(number_of(mine), 1);
    for (int i = 0; i < 3; ++i) {
        Selection selection(**other, nullptr, nullptr);
        const Lease theirs = selection.try_acquire();
        EXPECT_EQ(number_of(theirs), 2);
    }
    Report refused;
    refused.failure = Failure::connect_refused;
    mine.end(refused);
    Selection selection(**other, nullptr, nullptr);
    EXPECT_EQ(number_of(selection.try_acquire()), 2);
}

TEST_F(PeerGroupTest, PeersComeAndGoWhileItRuns) {
    start(servers({1, 1}));
    const std::size_t before = stats().used_bytes;
    ASSERT_TRUE(group().add_peer(*Address::parse("10.0.0.3:80"), {}, worker().now()).ok());
    EXPECT_EQ(spread(9), (std::map<int, int>{{1, 3}, {2, 3}, {3, 3}}));
    EXPECT_FALSE(group().add_peer(*Address::parse("10.0.0.3:80"), {}, worker().now()).ok());

    Parameters changed;
    changed.down = true;
    ASSERT_TRUE(group().change_peer("10.0.0.1:80", {&changed, 1}, worker().now()).ok());
    EXPECT_EQ(spread(4), (std::map<int, int>{{2, 2}, {3, 2}}));
    changed.down = false;
    ASSERT_TRUE(group().change_peer("10.0.0.1:80", {&changed, 1}, worker().now()).ok());

    Lease under_way = lease();
    while (number_of(under_way) != 3) under_way = lease();
    ASSERT_TRUE(group().remove_peer("10.0.0.3:80").ok());
    EXPECT_EQ(spread(4), (std::map<int, int>{{1, 2}, {2, 2}}));
    EXPECT_EQ(under_way.name(), "10.0.0.3:80");
    under_way.end();
    EXPECT_EQ(group().shared().peers->next->next, nullptr) << "freed with its last request";
    EXPECT_LE(stats().used_bytes, before + 4096);
    EXPECT_FALSE(group().remove_peer("10.0.0.3:80").ok());
    ASSERT_TRUE(group().remove_peer("10.0.0.2:80").ok());
    EXPECT_FALSE(group().remove_peer("10.0.0.1:80").ok()) << "the last one stays";
}

TEST_F(PeerGroupTest, NewAddressesOfAName) {
    start(servers({1, 1}));
    EXPECT_EQ(next(Failure::connect_refused), 1);
    const std::vector<FoundPeer> now = {*Address::parse("10.0.0.1:80"), *Address::parse("10.0.0.5:80")};
    ASSERT_TRUE(group().set_addresses(0, now, worker().now()).ok());
    EXPECT_EQ(spread(4), (std::map<int, int>{{2, 2}, {5, 2}}));
    EXPECT_EQ(condition(1), Condition::failed) << "the one that stayed kept its state";
    ASSERT_TRUE(group().set_addresses(0, {now.data() + 1, 1}, worker().now()).ok());
    EXPECT_EQ(group().roster().count, 2U);
    EXPECT_FALSE(group().set_addresses(7, now, worker().now()).ok());
}

// Who keeps something made from a roster (a hash ring) makes it anew when there is a reason, and only then.
TEST_F(PeerGroupTest, TheSameAddressesAreNoChange) {
    start(servers({1, 1}));
    std::vector<FoundPeer> now = {{*Address::parse("10.0.0.1:80"), 3}, {*Address::parse("10.0.0.5:80"), 3}};
    ASSERT_TRUE(group().set_addresses(0, now, worker().now()).ok());
    const std::uint64_t version = group().version();
    ASSERT_TRUE(group().set_addresses(0, now, worker().now()).ok());
    EXPECT_EQ(group().version(), version);
    now[0].weight = 4;
    ASSERT_TRUE(group().set_addresses(0, now, worker().now()).ok());
    EXPECT_GT(group().version(), version);
}

TEST_F(PeerGroupTest, ADeathInTheMiddleIsAReasonToLookAgain) {
    start(servers({1, 1}));
    const std::uint64_t version = group().version();
    Shared& shared = shared_page();
    const pid_t child = ::fork();
    if (child == 0) {
        const PeerGroup::Lock held = group().lock();
        group().roster().members[0].parameters.weight = 7;  // killed before it said so
        shared.step = 1;
        ::pause();
    }
    ASSERT_TRUE(reaches(shared.step, 1));
    kill_and_wait(child);
    EXPECT_GT(group().version(), version);
    ::munmap(&shared, 4096);
}

TEST_F(PeerGroupTest, NamesLeaveRoomForWorkersAndTheNextGeneration) {
    std::vector<Server> all = servers({1, 1});
    all[0].name = "a.test";
    all[0].resolve = true;
    all[0].addresses.clear();
    start(all);
    const auto many = [](int network) {
        std::vector<FoundPeer> found;
        for (int i = 0; i < 200; ++i) {
            found.emplace_back(
                *Address::parse("10." + std::to_string(network) + ".0." + std::to_string(i) + ":80"));
        }
        return found;
    };
    EXPECT_FALSE(group().set_addresses(0, many(1), worker().now()).ok());
    const std::uint32_t fitting = group().roster().count;
    EXPECT_GE(fitting, 10U);
    EXPECT_FALSE(group().set_addresses(0, many(2), worker().now()).ok());
    EXPECT_GE(group().roster().count + 2, fitting) << "others take the place of those that are gone";
    Result<std::unique_ptr<PeerGroup>> next =
        PeerGroup::create(*open_zone("upstream test/u", 0, ZoneSize::at_least), "test/u", 2, all);
    ASSERT_TRUE(next.ok());
    EXPECT_EQ((*next)->roster().count, group().roster().count) << "which has them all";
    for (int i = 0; i < 16; ++i) {
        EXPECT_TRUE(group().attach(owner()).ok()) << i;
        EXPECT_TRUE((*next)->attach(owner()).ok()) << i;
    }
}

TEST_F(PeerGroupTest, AZoneThatIsTooSmallSaysSo) {
    std::vector<Server> many;
    for (int i = 0; i < 200; ++i) many.push_back(server("10.0.1." + std::to_string(i) + ":80"));
    Result<std::unique_ptr<PeerGroup>> made =
        PeerGroup::create(*open_zone("small", Zone::kSmallest), "test/u", 1, many);
    ASSERT_FALSE(made.ok());
    EXPECT_EQ(made.error().message, "zone \"small\" of 32k is too small for upstream \"test/u\"");
}

}  // namespace
}  // namespace berth::upstream

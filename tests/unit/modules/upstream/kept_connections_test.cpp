// Connections to peers between two requests, over real sockets; and the queue.
#include "modules/upstream/kept_connections.hpp"

#include <optional>
#include <stdexcept>

#include "modules/upstream/upstream_worker.hpp"
#include "tests/unit/event/connection_fixture.hpp"
#include "tests/unit/modules/upstream/upstream_fixture.hpp"

namespace berth::upstream {
namespace {

class KeptConnectionsTest : public UpstreamTest {
 protected:
    std::pair<Connection*, Peer> pair() {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        return {connections_.open(FileDescriptor(ends[0]), Address()), Peer(ends[1])};
    }
    // A request to the peer that is next, whose connection is kept after it.
    Peer serve() {
        auto [connection, peer] = pair();
        Lease given = lease();
        EXPECT_EQ(given.take_idle(), nullptr);
        given.keep(*connection);
        given.end();
        return std::move(peer);
    }
    void turn() { loop_->run_once(Duration(0)); }
};

TEST_F(KeptConnectionsTest, AreUsedAgainLatestFirst) {
    start(servers({1}));
    auto [first, first_peer] = pair();
    auto [second, second_peer] = pair();
    Lease a = lease();
    Lease b = lease();
    a.keep(*first);
    b.keep(*second);
    EXPECT_EQ(view(1).idle, 2U);
    EXPECT_TRUE(first->may_be_evicted());
    EXPECT_EQ(a.take_idle(), second);
    EXPECT_FALSE(second->may_be_evicted());
    EXPECT_EQ(second->session(), nullptr);
    EXPECT_EQ(view(1).idle, 1U);
    turn();
    b.keep(*second);
    turn();
    EXPECT_EQ(worker().kept(), 2U);
    EXPECT_EQ(second->requests(), 2U);
}

// Where a connection was used matters only if it shall.
TEST_F(KeptConnectionsTest, LocalOnesAreUsedWhereTheyWereMade) {
    const int here = 0;
    const int there = 0;
    make(servers({1})).keepalive.local = true;
    start();
    auto [first, first_peer] = pair();
    auto [second, second_peer] = pair();
    auto [third, third_peer] = pair();
    Lease given = lease();
    given.keep(*first, {{}, &here});
    given.keep(*second, {{}, &here});
    given.keep(*third, {{}, &there});
    EXPECT_EQ(given.take_idle(false, {{}, &here}), second);
    EXPECT_EQ(given.take_idle(true, {{}, &here}), first);
    EXPECT_EQ(given.take_idle(false, {{}, &here}), nullptr);
    EXPECT_EQ(given.take_idle(false, {{}, &there}), third);
    EXPECT_EQ(view(1).idle, 0U);
}

TEST_F(KeptConnectionsTest, OthersAreUsedAnywhere) {
    const int here = 0;
    const int there = 0;
    start(servers({1}));
    auto [connection, peer] = pair();
    Lease given = lease();
    given.keep(*connection, {{}, &here});
    EXPECT_EQ(given.take_idle(false, {{}, &there}), connection);
}

TEST_F(KeptConnectionsTest, AreUsedForRequestsFromTheSameAddressOnly) {
    start(servers({1}));
    const Address one = *Address::parse("127.0.0.1");
    const Address two = *Address::parse("127.0.0.2");
    auto [first, first_peer] = pair();
    auto [second, second_peer] = pair();
    auto [third, third_peer] = pair();
    Lease given = lease();
    given.keep(*first, {one});
    given.keep(*second);
    given.keep(*third, {two});
    EXPECT_EQ(given.take_idle(false, {*Address::parse("127.0.0.1:80")}), nullptr);
    EXPECT_EQ(given.take_idle(false, {one}), first);
    EXPECT_EQ(given.take_idle(false, {one}), nullptr);
    EXPECT_EQ(given.take_idle(), second);
    EXPECT_EQ(given.take_idle(), nullptr);
    EXPECT_EQ(given.take_idle(false, {two}), third);
}

TEST_F(KeptConnectionsTest, APeerThatEndsOrSpeaksIsTakenOut) {
    start(servers({1}));
    Peer ends = serve();
    ends.hang_up();
    EXPECT_TRUE(run_until([&] { return worker().kept() == 0; }));
    EXPECT_EQ(view(1).idle, 0U);
    EXPECT_EQ(view(1).unasked, 0U);

    Peer speaks = serve();
    speaks.say("x");
    EXPECT_TRUE(run_until([&] { return worker().kept() == 0; }));
    EXPECT_EQ(view(1).unasked, 1U);
    EXPECT_TRUE(run_until([&] { return speaks.hear(), speaks.ended() || speaks.error() != 0; }));
}

// The loop has not looked since; who needs to be certain asks the kernel.
TEST_F(KeptConnectionsTest, APeerThatEndedIsNotUsedAgainByWhoCannotRepeat) {
    start(servers({1}));
    auto [well, quiet] = pair();
    auto [ended, ends] = pair();
    auto [poisoned, speaks] = pair();
    Lease given = lease();
    for (Connection* each : {well, ended, poisoned}) given.keep(*each);
    ends.hang_up();
    speaks.say("x");
    EXPECT_EQ(given.take_idle(true), well);
    EXPECT_TRUE(ended->closed());
    EXPECT_TRUE(poisoned->closed());
    EXPECT_EQ(worker().kept(), 0U);
    EXPECT_EQ(view(1).unasked, 1U);
}

TEST_F(KeptConnectionsTest, WhatCameBehindTheLastAnswerIsCountedToo) {
    start(servers({1}));
    auto [connection, peer] = pair();
    Lease given = lease();
    connection->unread("x");
    given.keep(*connection);
    EXPECT_TRUE(connection->closed());
    EXPECT_EQ(view(1).unasked, 1U);
}

TEST_F(KeptConnectionsTest, NoMoreThanConfiguredTheOldestGoes) {
    make(servers({1})).keepalive.connections = 2;
    start();
    auto [first, first_peer] = pair();
    auto [second, second_peer] = pair();
    auto [third, third_peer] = pair();
    Lease given = lease();
    for (Connection* each : {first, second, third}) given.keep(*each);
    EXPECT_EQ(worker().kept(), 2U);
    EXPECT_TRUE(first->closed());
    EXPECT_EQ(given.take_idle(), third);
    EXPECT_EQ(given.take_idle(), second);
    EXPECT_EQ(given.take_idle(), nullptr);
}

// Clients of which each has its own address do not take the place of connections that serve everybody.
TEST_F(KeptConnectionsTest, OneWhoseAddressVariesReplacesOnlyItsKind) {
    make(servers({1})).keepalive.connections = 2;
    start();
    const ConnectionUse one{*Address::parse("127.0.0.1"), nullptr, true};
    const ConnectionUse two{*Address::parse("127.0.0.2"), nullptr, true};
    std::vector<std::pair<Connection*, Peer>> all;
    for (int i = 0; i < 6; ++i) all.push_back(pair());
    Lease given = lease();
    given.keep(*all[0].first, one);
    given.keep(*all[1].first);
    given.keep(*all[2].first, two);
    EXPECT_TRUE(all[0].first->closed()) << "the oldest, and of its kind";
    given.keep(*all[3].first, one);
    EXPECT_TRUE(all[2].first->closed()) << "the one before it is older, and serves everybody";
    EXPECT_EQ(given.take_idle(), all[1].first);
    given.keep(*all[1].first);
    given.keep(*all[4].first);
    EXPECT_TRUE(all[3].first->closed()) << "others replace it";
    given.keep(*all[5].first, two);
    EXPECT_TRUE(all[5].first->closed()) << "none is of its kind";
    EXPECT_EQ(given.take_idle(), all[4].first);
    EXPECT_EQ(given.take_idle(), all[1].first);
}

TEST_F(KeptConnectionsTest, OneThatIsBoundToAPortIsNotKept) {
    start(servers({1}));
    auto [connection, peer] = pair();
    lease().keep(*connection, {*Address::parse("127.0.0.1:8000")});
    EXPECT_TRUE(connection->closed());
}

TEST_F(KeptConnectionsTest, LimitsOfOneConnection) {
    make(servers({1})).keepalive.requests = 2;
    start();
    auto [connection, peer] = pair();
    Lease given = lease();
    given.keep(*connection);
    ASSERT_EQ(given.take_idle(), connection);
    turn();
    given.keep(*connection);
    EXPECT_TRUE(connection->closed()) << "it has served its two";
}

TEST_F(KeptConnectionsTest, OffKeepsNone) {
    make(servers({1})).keepalive.connections = 0;
    start();
    auto [connection, peer] = pair();
    lease().keep(*connection);
    EXPECT_TRUE(connection->closed());
}

TEST_F(KeptConnectionsTest, IdleForTooLong) {
    make(servers({1})).keepalive.timeout = 1ms;
    start();
    Peer peer = serve();
    EXPECT_TRUE(run_until([&] { return worker().kept() == 0; }));
}

TEST_F(KeptConnectionsTest, AFailureThatTheKernelReportsDropsAll) {
    start(servers({1, 1}));
    auto [connection, peer] = pair();
    Lease keeps = lease();
    ASSERT_EQ(number_of(keeps), 1);
    keeps.keep(*connection);
    keeps.end();
    EXPECT_EQ(next(), 2);
    EXPECT_EQ(next(Failure::connect_refused), 1);
    EXPECT_TRUE(connection->closed());
    EXPECT_EQ(worker().kept(), 0U);
}

TEST_F(KeptConnectionsTest, AFailureInAnotherWorkerDropsThemToo) {
    start(servers({1, 1}));
    auto [connection, peer] = pair();
    Lease keeps = lease();
    ASSERT_EQ(number_of(keeps), 1);
    keeps.keep(*connection);
    group().roster().members[0].peer->epoch.fetch_add(1);
    EXPECT_EQ(keeps.take_idle(), nullptr);
    EXPECT_TRUE(connection->closed());
}

TEST_F(KeptConnectionsTest, AWorkerThatDrainsClosesThem) {
    start(servers({1}));
    Peer peer = serve();
    connections_.drain();
    EXPECT_EQ(worker().kept(), 0U);
    EXPECT_EQ(connections_.used(), 0U);
}

TEST_F(KeptConnectionsTest, ClosedByOthersInTheSameTurn) {
    start(servers({1}));
    Peer peer = serve();
    connections_.close_idle();
    EXPECT_EQ(lease().take_idle(), nullptr);
    turn();
    EXPECT_EQ(worker().kept(), 0U);
    EXPECT_EQ(view(1).idle, 0U);
}

// --- the queue

class WaitQueueTest : public UpstreamTest {
 protected:
    struct OwnSelection {
        explicit OwnSelection(UpstreamWorker& worker) : selection(worker, nullptr, nullptr) {}
        Selection selection;
    };
    struct Waiting : OwnSelection, Acquiring {
        Waiting(UpstreamWorker& worker, OwnScope& scope, Duration longest = Duration::max())
            : OwnSelection(worker), Acquiring(selection, scope, longest) {}
    };

    // Of the same upstream: what it holds is not given back here.
    std::unique_ptr<UpstreamWorker> another_worker() {
        Result<std::unique_ptr<UpstreamWorker>> made =
            UpstreamWorker::create(*upstream_, connections_, owner(), nullptr);
        if (!made) throw std::runtime_error(made.error().message);
        return *std::move(made);
    }

    void busy_upstream(std::size_t length, Milliseconds timeout = 60s, std::size_t peers = 1) {
        std::vector<Server> all = servers(std::vector<std::uint32_t>(peers, 1));
        for (Server& each : all) each.parameters.max_conns = 1;
        Upstream& made = make(std::move(all));
        made.queue = {length, timeout};
        start();
    }
};

TEST_F(WaitQueueTest, FirstComeFirstServed) {
    busy_upstream(2);
    Lease holder = lease();
    ASSERT_TRUE(holder);
    Waiting first(worker(), scope_);
    Waiting second(worker(), scope_);
    Waiting third(worker(), scope_);
    EXPECT_FALSE(first.done);
    EXPECT_FALSE(second.done);
    ASSERT_TRUE(third.done);
    EXPECT_EQ(third.lease.refusal(), Refusal::queue_full);
    holder.end();
    EXPECT_TRUE(run_until([&] { return first.done; }));
    EXPECT_TRUE(first.lease);
    EXPECT_FALSE(second.done);
    first.lease.end();
    EXPECT_TRUE(run_until([&] { return second.done; }));
    EXPECT_TRUE(second.lease);
    EXPECT_EQ(group().shared().queued, 2U);
    EXPECT_EQ(group().shared().refused[static_cast<std::size_t>(Refusal::queue_full)], 1U);
}

TEST_F(WaitQueueTest, NotForEver) {
    busy_upstream(1, 5ms);
    Lease holder = lease();
    Waiting waits(worker(), scope_);
    EXPECT_TRUE(run_until([&] { return waits.done; }));
    EXPECT_EQ(waits.lease.refusal(), Refusal::queue_timeout);
    EXPECT_EQ(group().shared().refused[static_cast<std::size_t>(Refusal::queue_timeout)], 1U);
}

TEST_F(WaitQueueTest, WhoseOwnTimeEndsFirstIsNotCountedAsTurnedAway) {
    busy_upstream(1);
    Lease holder = lease();
    Waiting waits(worker(), scope_, 5ms);
    EXPECT_TRUE(run_until([&] { return waits.done; }));
    EXPECT_EQ(waits.lease.refusal(), Refusal::queue_timeout);
    EXPECT_EQ(group().shared().refused[static_cast<std::size_t>(Refusal::queue_timeout)], 0U);
}

TEST_F(WaitQueueTest, WhoGivesUpPassesItsTurnOn) {
    busy_upstream(2);
    Lease holder = lease();
    Waiting second_holder(worker(), scope_);
    Waiting third(worker(), scope_);
    holder.end();             // wakes the one that is in front,
    second_holder.give_up();  // whose client has just gone
    EXPECT_TRUE(run_until([&] { return third.done; }));
    EXPECT_TRUE(third.lease);
}

TEST_F(WaitQueueTest, PlacesThatOtherWorkersGiveBackAreFound) {
    busy_upstream(2);
    const std::unique_ptr<UpstreamWorker> other = another_worker();
    Selection selection(*other, nullptr, nullptr);
    Lease theirs = selection.try_acquire();
    ASSERT_TRUE(theirs);
    Waiting waits(worker(), scope_);
    EXPECT_FALSE(waits.done);
    theirs.end();
    EXPECT_TRUE(run_until([&] { return waits.done; }));
    EXPECT_TRUE(waits.lease);
}

TEST_F(WaitQueueTest, PlacesThatADeadWorkerHeldAreFound) {
    busy_upstream(2);
    std::atomic<std::uint64_t> theirs = 7;
    Result<Column*> column = group().attach({&theirs, 7});
    ASSERT_TRUE(column.ok());
    {
        const PeerGroup::Lock held = group().lock();
        ASSERT_TRUE(group().take_place(**column, *group().roster().members[0].peer));
    }
    Waiting waits(worker(), scope_);
    theirs = 0;
    EXPECT_FALSE(waits.done);
    EXPECT_TRUE(run_until([&] { return waits.done; }));
    EXPECT_TRUE(waits.lease);
}

// Whoever could take the peer that a newcomer would take has been there before.
TEST_F(WaitQueueTest, ANewcomerDoesNotOvertake) {
    busy_upstream(2);
    const std::unique_ptr<UpstreamWorker> other = another_worker();
    Selection selection(*other, nullptr, nullptr);
    Lease theirs = selection.try_acquire();
    Waiting first(worker(), scope_);
    theirs.end();
    Waiting newcomer(worker(), scope_);
    EXPECT_FALSE(newcomer.done);
    EXPECT_TRUE(run_until([&] { return first.done; }));
    EXPECT_TRUE(first.lease);
    EXPECT_FALSE(newcomer.done);
    first.lease.end();
    EXPECT_TRUE(run_until([&] { return newcomer.done; }));
    EXPECT_TRUE(newcomer.lease);
}

// One that has tried the first server and waits for the second.
class RetryInQueueTest : public WaitQueueTest {
 protected:
    void wait_for_second(std::size_t length) {
        busy_upstream(length, 60s, 2);
        retry_.emplace(worker(), nullptr, nullptr);
        Lease failed = retry_->try_acquire();
        ASSERT_EQ(number_of(failed), 1);
        second_ = lease();
        ASSERT_EQ(number_of(second_), 2);
        failed.end();
        waits_.emplace(*retry_, scope_);
        ASSERT_FALSE(waits_->done);
    }
    std::optional<Selection> retry_;
    Lease second_;
    std::optional<Acquiring> waits_;
};

TEST_F(RetryInQueueTest, LeavesOthersWhatItHasTried) {
    wait_for_second(10);
    Waiting newcomer(worker(), scope_);
    ASSERT_TRUE(newcomer.lease) << "the first server is idle";
    EXPECT_EQ(number_of(newcomer.lease), 1);
    Waiting next(worker(), scope_);
    Waiting last(worker(), scope_);
    EXPECT_FALSE(next.done);
    newcomer.lease.end();
    EXPECT_TRUE(run_until([&] { return next.done; }));
    ASSERT_TRUE(next.lease);
    EXPECT_EQ(number_of(next.lease), 1);
    EXPECT_FALSE(last.done);
    EXPECT_FALSE(waits_->done);
    second_.end();
    EXPECT_TRUE(run_until([&] { return waits_->done; }));
    ASSERT_TRUE(waits_->lease);
    EXPECT_EQ(number_of(waits_->lease), 2) << "before those that came later";
    EXPECT_FALSE(last.done);
    waits_->lease.end();
    EXPECT_TRUE(run_until([&] { return last.done; }));
    ASSERT_TRUE(last.lease);
    EXPECT_EQ(number_of(last.lease), 2);
}

TEST_F(RetryInQueueTest, AFullQueueOfThemRefusesNobodyWhoNeedNotWait) {
    wait_for_second(1);
    Waiting newcomer(worker(), scope_);
    ASSERT_TRUE(newcomer.lease);
    EXPECT_EQ(number_of(newcomer.lease), 1);
    Waiting another(worker(), scope_);
    ASSERT_TRUE(another.done);
    EXPECT_EQ(another.lease.refusal(), Refusal::queue_full);
}

TEST_F(RetryInQueueTest, IsToldWhenThereIsNobodyLeft) {
    wait_for_second(10);
    const Lease first = lease();
    second_.end();
    Parameters down;
    down.down = true;
    ASSERT_TRUE(group().change_peer("10.0.0.2:80", {&down, 1}, worker().now()).ok());
    EXPECT_TRUE(run_until([&] { return waits_->done; }));
    EXPECT_EQ(waits_->lease.refusal(), Refusal::no_live_peers);
}

TEST_F(RetryInQueueTest, IsToldAlsoBehindOneThatWaitsOn) {
    busy_upstream(10, 60s, 2);
    retry_.emplace(worker(), nullptr, nullptr);
    Lease failed = retry_->try_acquire();
    ASSERT_EQ(number_of(failed), 1);
    const Lease second = lease();
    failed.end();
    const Lease first = lease();
    ASSERT_EQ(number_of(first), 1);
    Waiting fresh(worker(), scope_);
    waits_.emplace(*retry_, scope_);
    ASSERT_FALSE(waits_->done);
    Parameters down;
    down.down = true;
    ASSERT_TRUE(group().change_peer("10.0.0.2:80", {&down, 1}, worker().now()).ok());
    EXPECT_TRUE(run_until([&] { return waits_->done; }));
    EXPECT_EQ(waits_->lease.refusal(), Refusal::no_live_peers);
    EXPECT_FALSE(fresh.done) << "the first server will have room again";
}

TEST_F(WaitQueueTest, WithoutAQueueTheAnswerIsImmediate) {
    busy_upstream(0);
    Lease holder = lease();
    Waiting waits(worker(), scope_);
    ASSERT_TRUE(waits.done);
    EXPECT_EQ(waits.lease.refusal(), Refusal::all_busy);
}

}  // namespace
}  // namespace berth::upstream

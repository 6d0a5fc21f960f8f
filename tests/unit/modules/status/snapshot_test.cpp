// Snapshot: what it sees while processes come and go.
#include "modules/status/snapshot.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace berth::status {

namespace {

TEST(SnapshotTest, AddsTheLivingAndTheGoneOfARole) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    board.name_listener(0, "127.0.0.1:80", "handoff");
    board.name_listener(1, "127.0.0.1:81", "shared");
    board.name_listener(2, "127.0.0.1:80", "proxy");  // closed and opened again
    ScoreboardRow* gone = board.take(0, 1, 1);
    ScoreboardRow* alive = board.take(1, 2, 1);
    ScoreboardRow* front = board.take(0, 1, 1, ProcessRole::front);
    count(gone->listener(0).accepted, 5);
    count(gone->listener(0).open, 5);
    gone->requests.answered(200, 100);
    board.give_back(*gone);
    count(alive->listener(2).accepted, 2);
    count(alive->listener(2).open, 2);
    count(alive->listener(2).idle);
    count(alive->requests.active, 7);  // more than can be, as when read in the middle
    alive->requests.answered(404, 300);
    count(front->listener(1).accepted, 3);
    count(board.master().listener(0).handed, 9);
    const Snapshot now(board);
    ASSERT_EQ(now.listeners.size(), 2U);
    EXPECT_EQ(now.listeners[0].address, "127.0.0.1:80");
    EXPECT_EQ(now.listeners[0].strategy, "proxy");
    ASSERT_EQ(now.processes.size(), 2U) << "without a pid there is no master";
    EXPECT_EQ(now.processes[0].id, 2U);
    const Counts workers = now.sum(ProcessRole::worker);
    EXPECT_EQ(workers.listeners[0][kAccepted], 7U);
    EXPECT_EQ(workers.listeners[0][kOpen], 2U);
    EXPECT_EQ(workers.requests[2], 1U);
    EXPECT_EQ(workers.requests[4], 1U);
    EXPECT_EQ(now.sum(ProcessRole::front).listeners[1][kAccepted], 3U);
    EXPECT_EQ(now.request_times.count(), 2U);
    for (const ConnectionStates& states : {ConnectionStates(workers), ConnectionStates(board)}) {
        EXPECT_EQ(states.open, 2U);
        EXPECT_EQ(states.waiting, 1U);
        EXPECT_EQ(states.writing, 1U);
        EXPECT_EQ(states.reading, 0U);
    }
    board.master().pid = 1;
    count(board.master().listener(0).waiting);
    const Snapshot later(board);
    ASSERT_EQ(later.processes.size(), 3U);
    EXPECT_EQ(later.sum(ProcessRole::master).listeners[0][kHanded], 9U);
}

TEST(SnapshotTest, ListenersThatWorkersAskedForAreShownOnceTheyAreUsed) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    board.name_listener(0, "127.0.0.1:80", "handoff");
    board.master().pid = 1;
    EXPECT_EQ(Snapshot(board).listeners.size(), 1U);
    count(board.master().listener(ScoreboardRow::kListeners).accepted, 4);
    const Snapshot now(board);
    ASSERT_EQ(now.listeners.size(), 2U);
    EXPECT_EQ(now.listeners[1].address, "others");
    EXPECT_EQ(now.sum(ProcessRole::master).listeners[1][kAccepted], 4U);
}

TEST(SnapshotTest, WhatAClosedAddressCountedIsShownAmongOthers) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    board.name_listener(0, "127.0.0.1:80", "shared");
    ScoreboardRow* row = board.take(0, 1, 1);
    count(row->listener(0).accepted, 4);
    board.give_back(*row);
    board.name_listener(0, "127.0.0.1:81", "shared");
    const Snapshot now(board);
    ASSERT_EQ(now.listeners.size(), 2U);
    EXPECT_EQ(now.sum(ProcessRole::worker).listeners[0][kAccepted], 0U);
    EXPECT_EQ(now.listeners[1].address, "others");
    EXPECT_EQ(now.sum(ProcessRole::worker).listeners[1][kAccepted], 4U);
}

TEST(SnapshotTest, RequestsGivenUpForTheirSlowBodiesAreShown) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    ScoreboardRow* row = board.take(0, 1, 1);
    count(row->slow_bodies, 2);
    EXPECT_EQ(Snapshot(board).sum(ProcessRole::worker).slow_bodies, 2U);
    board.give_back(*row);
    EXPECT_EQ(Snapshot(board).sum(ProcessRole::worker).slow_bodies, 2U);
}

// While rows are given back, what was counted in them is neither missed nor seen twice.
TEST(SnapshotTest, TotalsNeverFallAndNeverRunAhead) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    board.name_listener(0, "127.0.0.1:80", "shared");
    std::atomic<std::uint64_t> counted{0};
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> reads{0};
    std::thread master([&] {
        // A death for each read, at some moment of it.
        for (std::uint64_t id = 1; !stop.load(); ++id) {
            while (reads.load() < id && !stop.load()) std::this_thread::yield();
            ScoreboardRow* row = board.take(0, id, 1);
            counted.fetch_add(3);
            count(row->listener(0).accepted, 3);
            board.give_back(*row);
        }
    });
    std::uint64_t last = 0;
    for (int i = 0; i < 2'000; ++i) {
        ++reads;
        const std::uint64_t seen = Snapshot(board).sum(ProcessRole::worker).listeners[0][kAccepted];
        EXPECT_GE(seen, last);
        EXPECT_LE(seen, counted.load());
        last = seen;
    }
    stop = true;
    master.join();
    EXPECT_EQ(Snapshot(board).sum(ProcessRole::worker).listeners[0][kAccepted], counted.load());
}

}  // namespace

}  // namespace berth::status

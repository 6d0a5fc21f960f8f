// Scoreboard: rows, sums, and that other processes see them.
#include "event/process/scoreboard.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth {

namespace {

TEST(ScoreboardTest, AChildsCountsAreSeenAndSummedUp) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    ScoreboardRow* row = board.take(3, 7, 2);
    ASSERT_NE(row, nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
        count(row->listener(0).accepted, 5);
        count(row->listener(1000).accepted);  // beyond the last: shared
        ::_exit(0);
    }
    ::waitpid(pid, nullptr, 0);
    EXPECT_EQ(row->slot.load(), 3U);
    EXPECT_EQ(row->id.load(), 7U);
    EXPECT_EQ(row->listener(0).accepted.load(), 5U);
    board.give_back(*row);
    EXPECT_EQ(board.past().listener(0).accepted.load(), 5U);
    EXPECT_EQ(board.past().listeners[ScoreboardRow::kListeners].accepted.load(), 1U);
    ScoreboardRow* again = board.take(0, 8, 2);
    EXPECT_EQ(again, row);
    EXPECT_EQ(again->listener(0).accepted.load(), 0U);
}

TEST(ScoreboardTest, GaugesGoWithTheirProcessAndWhatItHeldIsLost) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    ScoreboardRow* row = board.take(3, 7, 2);
    ASSERT_NE(row, nullptr);
    for (ListenerCounters* counters : {&row->listener(0), &row->listener(5)}) {
        count(counters->accepted, 4);
        count(counters->open, 4);
        uncount(counters->open, 2);
        count(counters->idle);
    }
    row->requests.answered(204, 90);
    row->requests.answered(0, 5);
    row->usage.voluntary_switches = 11;
    row->usage.descriptors = 9;
    EXPECT_EQ(row->clients(), 4U);
    EXPECT_EQ(board.count_lost(*row), 4U);
    board.give_back(*row);
    ScoreboardRow& past = board.past();
    EXPECT_EQ(past.listener(5).accepted.load(), 4U);
    EXPECT_EQ(past.listener(5).lost.load(), 2U);
    EXPECT_EQ(past.listener(5).open.load(), 0U);
    EXPECT_EQ(past.listener(5).idle.load(), 0U);
    EXPECT_EQ(past.requests.by_class[2].load(), 1U);
    EXPECT_EQ(past.requests.by_class[0].load(), 1U);
    EXPECT_EQ(HistogramSum(past.requests.time).count(), 2U);
    EXPECT_EQ(past.usage.voluntary_switches.load(), 11U);
    EXPECT_EQ(past.usage.descriptors.load(), 0U);
    EXPECT_EQ(board.take(0, 8, 2), row);
    EXPECT_EQ(row->clients(), 0U);
    EXPECT_EQ(HistogramSum(row->requests.time).count(), 0U);
}

TEST(ScoreboardTest, RolesAreSummedUpApartAndRestartsBelongToASlot) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    ScoreboardRow* front = board.take(1, 1, 1, ProcessRole::front);
    ASSERT_NE(front, nullptr);
    count(front->listener(0).accepted);
    board.give_back(*front);
    EXPECT_EQ(board.past(ProcessRole::front).listener(0).accepted.load(), 1U);
    EXPECT_EQ(board.past().listener(0).accepted.load(), 0U);
    board.count_restart(ProcessRole::worker, 1);
    EXPECT_EQ(board.respawns().load(), 1U);
    EXPECT_EQ(board.take(1, 2, 1)->restarts.load(), 1U);
    EXPECT_EQ(board.take(1, 2, 1, ProcessRole::front)->restarts.load(), 0U);
    EXPECT_EQ(board.take(2, 3, 1)->restarts.load(), 0U);
}

TEST(ScoreboardTest, ListenersHaveNames) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    EXPECT_EQ(board.listener_address(2), "");
    board.name_listener(2, "127.0.0.1:80", "shared");
    board.name_listener(2, "127.0.0.1:80", "handoff");
    EXPECT_EQ(board.listener_address(2), "127.0.0.1:80");
    EXPECT_EQ(board.listener_strategy(2), "handoff");
    board.name_listener(5000, "127.0.0.1:81", "shared");
    EXPECT_EQ(board.listener_address(5000), "");
}

TEST(ScoreboardTest, AnIndexThatIsFreeAgainLosesNoCount) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    board.name_listener(2, "127.0.0.1:80", "shared");
    ScoreboardRow* row = board.take(0, 1, 1);
    count(row->listener(2).accepted, 5);
    count(board.master().listener(2).handed, 3);
    board.give_back(*row);
    board.name_listener(2, "127.0.0.1:81", "handoff");
    EXPECT_EQ(board.listener_address(2), "127.0.0.1:81");
    EXPECT_EQ(board.listener_strategy(2), "handoff");
    EXPECT_EQ(board.past().listener(2).accepted.load(), 0U);
    EXPECT_EQ(board.past().listener(ScoreboardRow::kListeners).accepted.load(), 5U);
    EXPECT_EQ(board.master().listener(ScoreboardRow::kListeners).handed.load(), 3U);
}

TEST(ScoreboardTest, AProcessIsMeasured) {
    ProcessUsage usage{};
    measure_process(usage);
    EXPECT_GE(usage.descriptors.load(), 3U);
    EXPECT_LT(usage.descriptors.load(), 1'000'000U);
    EXPECT_GT(usage.resident_bytes.load(), 1'000'000U);
}

TEST(ScoreboardTest, EndsAtItsLastRow) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    for (std::size_t i = 0; i < Scoreboard::kRows; ++i) ASSERT_NE(board.take(0, i, 1), nullptr);
    EXPECT_EQ(board.take(0, 0, 1), nullptr);
    board.give_back(board.rows()[17]);
    EXPECT_EQ(board.take(0, 0, 1), &board.rows()[17]);
}

}  // namespace

}  // namespace berth

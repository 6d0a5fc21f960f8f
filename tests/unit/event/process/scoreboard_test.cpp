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

TEST(ScoreboardTest, EndsAtItsLastRow) {
    Scoreboard board = std::move(Scoreboard::create()).value();
    for (std::size_t i = 0; i < Scoreboard::kRows; ++i) ASSERT_NE(board.take(0, i, 1), nullptr);
    EXPECT_EQ(board.take(0, 0, 1), nullptr);
    board.give_back(board.rows()[17]);
    EXPECT_EQ(board.take(0, 0, 1), &board.rows()[17]);
}

}  // namespace

}  // namespace berth

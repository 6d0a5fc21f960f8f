// What fronts and workers know of each other: secrets of generations, and what waits for a worker.
#include "event/accept/front_board.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace berth {

namespace {

TEST(FrontBoardTest, EveryGenerationHasASecretOfItsOwn) {
    auto board = std::make_unique<FrontBoard>();
    EXPECT_TRUE(board->secret(1).empty());
    board->make_secret(1);
    const std::string first(board->secret(1));
    ASSERT_EQ(first.size(), FrontBoard::kSecretSize);
    board->make_secret(1);  // for another front of it
    EXPECT_EQ(board->secret(1), first);
    board->make_secret(2);
    EXPECT_NE(board->secret(2), first);
    EXPECT_EQ(board->newest_secret(), board->secret(2));
    EXPECT_TRUE(board->knows(first));
    board->forget_secret(1);
    EXPECT_FALSE(board->knows(first));
    EXPECT_TRUE(board->knows(board->secret(2)));
}

TEST(FrontBoardTest, KnowsNothingThatIsNoSecret) {
    auto board = std::make_unique<FrontBoard>();
    EXPECT_FALSE(board->knows(std::string(FrontBoard::kSecretSize, '\0')));
    board->make_secret(1);
    EXPECT_FALSE(board->knows(std::string(FrontBoard::kSecretSize, '\0')));
    EXPECT_FALSE(board->knows(""));
    EXPECT_FALSE(board->knows(std::string(board->secret(1)) + "x"));
    EXPECT_FALSE(board->knows(board->secret(1).substr(1)));
}

TEST(FrontBoardTest, TheOldestSecretMakesWay) {
    auto board = std::make_unique<FrontBoard>();
    board->make_secret(1);
    const std::string first(board->secret(1));
    for (std::uint64_t generation = 2; generation <= FrontBoard::kSecrets; ++generation)
        board->make_secret(generation);
    EXPECT_TRUE(board->knows(first));
    board->make_secret(FrontBoard::kSecrets + 1);
    EXPECT_FALSE(board->knows(first));
    EXPECT_FALSE(board->secret(2).empty());
}

TEST(FrontBoardTest, TheFirstGenerationOfANewBinaryGoesOnWithWhatItInherits) {
    auto before = std::make_unique<FrontBoard>();
    before->make_secret(7);
    auto after = std::make_unique<FrontBoard>();
    after->inherit_secret(before->newest_secret());
    EXPECT_TRUE(after->knows(before->secret(7)));
    after->make_secret(1);
    EXPECT_EQ(after->secret(1), before->secret(7));
    after->make_secret(2);
    EXPECT_EQ(after->secret(2), before->secret(7));
    after->keeps_secret = false;  // the old binary is gone
    after->make_secret(3);
    EXPECT_NE(after->secret(3), before->secret(7));
    after->inherit_secret("too short");
    EXPECT_FALSE(after->knows("too short"));
}

TEST(FrontBoardTest, WaitingNeverFallsBelowNone) {
    FrontBoard::Place place{};
    EXPECT_EQ(place.waiting(), 0U);
    place.offered += 3;
    ++place.taken;
    EXPECT_EQ(place.waiting(), 2U);
    place.taken += 3;  // of somebody who did not count
    EXPECT_EQ(place.waiting(), 0U);
    place.correct(place.difference());
    ++place.offered;
    EXPECT_EQ(place.waiting(), 1U);
}

TEST(FrontBoardTest, NoMoreAreOfferedThanMayWait) {
    FrontBoard::Place place{};
    EXPECT_TRUE(place.offer(2));
    EXPECT_TRUE(place.offer(2));
    EXPECT_FALSE(place.offer(2));
    EXPECT_EQ(place.waiting(), 2U);
    ++place.taken;
    EXPECT_TRUE(place.offer(2));
    EXPECT_FALSE(place.offer(2));
    place.taken += 5;  // more than is known of
    EXPECT_TRUE(place.offer(1));
}

TEST(FrontBoardTest, WhatIsNeverMadeUpIsToldFromWhatIsOnItsWay) {
    FrontBoard::Drift drift;
    EXPECT_EQ(drift.seen(4), 0);
    EXPECT_EQ(drift.seen(2), 0);
    EXPECT_EQ(drift.seen(3), 2);
    // Begins anew: with the next three moments, or when nothing is between the two.
    EXPECT_EQ(drift.seen(1), 0);
    EXPECT_EQ(drift.seen(0), 0);
    EXPECT_EQ(drift.seen(1), 0);
    EXPECT_EQ(drift.seen(1), 0);
    EXPECT_EQ(drift.seen(-5), 0);
    EXPECT_EQ(drift.seen(-1), 0);
    EXPECT_EQ(drift.seen(-2), 0);
    EXPECT_EQ(drift.seen(-2), -1);
}

}  // namespace

}  // namespace berth

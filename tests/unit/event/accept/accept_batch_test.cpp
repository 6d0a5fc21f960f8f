// AcceptBatch: more while they come fast, fewer attempts after those in vain.
#include "event/accept/accept_batch.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace berth {

namespace {

TEST(AcceptBatchTest, DoublesWhileTurnsFollowEachOther) {
    AcceptBatch batch(8);
    std::vector<unsigned> sizes;
    for (std::uint64_t turn = 10; turn < 16; ++turn) {
        sizes.push_back(batch.begin(turn));
        batch.end(sizes.back());
    }
    EXPECT_EQ(sizes, (std::vector<unsigned>{1, 2, 4, 8, 8, 8}));
    EXPECT_EQ(batch.begin(100), 1U);  // after a pause
}

TEST(AcceptBatchTest, ASecondGoInATurnIsAsLargeAsTheFirst) {
    AcceptBatch batch(8);
    for (std::uint64_t turn = 10; turn < 13; ++turn) batch.end(batch.begin(turn));
    EXPECT_EQ(batch.begin(12), 4U);
    batch.end(4);
    EXPECT_EQ(batch.begin(13), 8U);
}

TEST(AcceptBatchTest, AnAttemptInVainIsNotMadeAgainAtOnce) {
    AcceptBatch batch(8);
    unsigned in_vain = 0;
    constexpr unsigned kTurns = 200;
    for (std::uint64_t turn = 1; turn <= kTurns; ++turn) {
        in_vain += batch.begin(turn) > 1 ? 1 : 0;
        batch.end(1);
    }
    EXPECT_GT(in_vain, 0U);
    EXPECT_LT(in_vain, kTurns / 10);
}

TEST(AcceptBatchTest, WhatWasThereIsExpectedAgain) {
    AcceptBatch batch(8);
    batch.begin(11);
    batch.end(1);
    batch.begin(12);
    batch.end(2);
    EXPECT_EQ(batch.begin(13), 4U);
    batch.end(3);
    EXPECT_EQ(batch.begin(14), 3U);
    batch.end(3);
    EXPECT_EQ(batch.begin(15), 6U);
}

}  // namespace

}  // namespace berth

// RespawnPolicy: when a dead worker is replaced.
#include "event/process/respawn.hpp"

#include <gtest/gtest.h>

namespace berth {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr TimePoint kStart{seconds(1000)};

TEST(RespawnPolicyTest, ReplacesAtOnceWhatHadServed) {
    RespawnPolicy policy;
    for (int i = 0; i < 100; ++i) EXPECT_EQ(policy.died(kStart + milliseconds(i), seconds(2)), Duration(0));
    EXPECT_EQ(policy.failures(), 0U);
}

TEST(RespawnPolicyTest, BacksOffWhenNoneGetsReady) {
    RespawnPolicy policy;
    TimePoint now = kStart;
    auto dies_after_its_wait = [&] {
        const Duration wait = policy.died(now, std::nullopt);
        now += wait;
        return wait;
    };
    EXPECT_EQ(dies_after_its_wait(), Duration(0));
    EXPECT_EQ(dies_after_its_wait(), milliseconds(100));
    EXPECT_EQ(dies_after_its_wait(), milliseconds(200));
    EXPECT_EQ(dies_after_its_wait(), milliseconds(400));
    for (int i = 0; i < 10; ++i) dies_after_its_wait();
    EXPECT_EQ(dies_after_its_wait(), seconds(10));
}

TEST(RespawnPolicyTest, DeathsDuringAWaitJoinIt) {
    RespawnPolicy policy({milliseconds(300), seconds(10)});
    EXPECT_EQ(policy.died(kStart, std::nullopt), milliseconds(300));
    EXPECT_EQ(policy.died(kStart + milliseconds(50), std::nullopt), milliseconds(250));
    EXPECT_EQ(policy.died(kStart + milliseconds(100), std::nullopt), milliseconds(200));
    EXPECT_EQ(policy.failures(), 1U);
    EXPECT_EQ(policy.died(kStart + milliseconds(300), std::nullopt), milliseconds(600));
}

TEST(RespawnPolicyTest, BeginsWithTheConfiguredDelayAndEndsAtItsMaximum) {
    RespawnPolicy policy({milliseconds(300), milliseconds(700)});
    EXPECT_EQ(policy.died(kStart, std::nullopt), milliseconds(300));
    EXPECT_EQ(policy.died(kStart + milliseconds(300), std::nullopt), milliseconds(600));
    EXPECT_EQ(policy.died(kStart + milliseconds(900), std::nullopt), milliseconds(700));
}

TEST(RespawnPolicyTest, ToleratesFiveYoungDeathsInTenSeconds) {
    RespawnPolicy policy({milliseconds(50), seconds(10)});
    for (int i = 0; i < 5; ++i) EXPECT_EQ(policy.died(kStart + seconds(i), milliseconds(10)), Duration(0));
    EXPECT_EQ(policy.died(kStart + seconds(5), milliseconds(10)), milliseconds(50));
    EXPECT_EQ(policy.failures(), 1U);
}

TEST(RespawnPolicyTest, YoungDeathsFarApartDoNotCount) {
    RespawnPolicy policy;
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(policy.died(kStart + seconds(3 * i), milliseconds(10)), Duration(0));
}

TEST(RespawnPolicyTest, ForgetsAfterACalmTime) {
    RespawnPolicy policy;
    policy.died(kStart, std::nullopt);
    policy.died(kStart, std::nullopt);
    EXPECT_EQ(policy.died(kStart + seconds(60), std::nullopt), Duration(0));
}

}  // namespace

}  // namespace berth

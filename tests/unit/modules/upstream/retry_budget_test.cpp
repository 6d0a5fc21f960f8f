// The budget of retries.
#include "modules/upstream/retry_budget.hpp"

#include <gtest/gtest.h>

namespace berth::upstream {
namespace {

TEST(RetryBudget, IsAReserveAndAShareOfTheRequests) {
    RetryBudget budget;
    for (int i = 0; i < 100; ++i) EXPECT_TRUE(budget.spend());
    EXPECT_FALSE(budget.spend());
    for (int i = 0; i < 4; ++i) budget.earn(20);
    EXPECT_FALSE(budget.spend());
    budget.earn(20);
    EXPECT_TRUE(budget.spend());
    EXPECT_FALSE(budget.spend());
}

TEST(RetryBudget, DoesNotGrowWithoutEnd) {
    RetryBudget budget;
    for (int i = 0; i < 100000; ++i) budget.earn(100);
    int spent = 0;
    while (budget.spend()) ++spent;
    EXPECT_EQ(spent, 1000);
}

}  // namespace
}  // namespace berth::upstream

// What a front may have with its descriptors.
#include "event/accept/front_capacity.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

namespace berth {

namespace {

TEST(FrontCapacityTest, WhereThereAreEnoughItIsAsConfigured) {
    const FrontCapacity capacity = FrontCapacity::of(512, 20'000);
    EXPECT_EQ(capacity.clients, 512U);
    EXPECT_GE(capacity.pipes, 2 * capacity.clients);
    EXPECT_EQ(FrontCapacity::of(512, ~std::size_t{0}).clients, 512U);
}

TEST(FrontCapacityTest, ClientsAndPipesTogetherNeverTakeAll) {
    for (const std::size_t descriptors : {12U, 50U, 116U, 1000U, 1900U, 2500U}) {
        const FrontCapacity capacity = FrontCapacity::of(1000, descriptors);
        EXPECT_GE(capacity.clients, 1U);
        EXPECT_LT(2 * capacity.clients + 2 * capacity.pipes, descriptors) << descriptors;
        EXPECT_LT(capacity.pipes, descriptors / 2);
    }
    EXPECT_EQ(FrontCapacity::of(1000, 116).clients, 47U);
    EXPECT_EQ(FrontCapacity::of(1000, 116).pipes, 7U);
}

TEST(FrontCapacityTest, OneClientThereIsAlways) {
    EXPECT_EQ(FrontCapacity::of(1000, 0).clients, 1U);
    EXPECT_EQ(FrontCapacity::of(1000, 0).pipes, 0U);
}

TEST(FrontCapacityTest, WhatIsOpenIsNotFree) {
    const std::size_t before = free_descriptors();
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    EXPECT_EQ(free_descriptors(), before - 1);
    ::close(fd);
    rlimit limit{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
    EXPECT_LT(free_descriptors(), limit.rlim_cur);
}

}  // namespace

}  // namespace berth

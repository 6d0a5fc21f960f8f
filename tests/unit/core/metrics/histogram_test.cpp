// Histograms: the error bound over the whole range, sums, and what is read from them.
#include "core/metrics/histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <thread>
#include <vector>

namespace berth {

namespace {

constexpr double kError = 0.03;

double distance(double from, double to) { return std::abs(from - to) / std::max(1.0, to); }

// Values of every size, the borders of powers of two among them.
std::vector<std::uint64_t> values(std::uint64_t seed, std::size_t count) {
    std::mt19937_64 random(seed);
    std::vector<std::uint64_t> all;
    for (std::size_t i = 0; i < count; ++i) {
        const std::uint64_t bits = random() % 36;
        const std::uint64_t power = std::uint64_t{1} << bits;
        all.push_back(i % 8 == 0 ? power - (i & 1U) : power + random() % power);
    }
    return all;
}

// Zeroed, as in fresh shared memory.
std::unique_ptr<Histogram> empty() { return std::make_unique<Histogram>(); }

TEST(HistogramTest, BucketsFollowOneAnotherWithoutGapsOrOverlaps) {
    for (std::size_t i = 0; i < HistogramBuckets::kCount; ++i) {
        const std::uint64_t first = HistogramBuckets::first(i);
        const std::uint64_t next = HistogramBuckets::first(i + 1);
        ASSERT_LT(first, next);
        ASSERT_EQ(HistogramBuckets::index(first), i);
        ASSERT_EQ(HistogramBuckets::index(next - 1), i);
        ASSERT_EQ(HistogramBuckets::index(HistogramBuckets::middle(i)), i);
    }
    EXPECT_EQ(HistogramBuckets::first(HistogramBuckets::kCount), HistogramBuckets::kLimit);
    EXPECT_EQ(HistogramBuckets::index(~std::uint64_t{0}), HistogramBuckets::kCount - 1);
}

TEST(HistogramTest, ABucketIsNeverFartherThanTheBoundFromItsValues) {
    for (const std::uint64_t value : values(1, 200'000)) {
        const auto middle = static_cast<double>(HistogramBuckets::middle(HistogramBuckets::index(value)));
        ASSERT_LE(distance(middle, static_cast<double>(value)), value < 64 ? 0.0 : kError) << value;
    }
}

TEST(HistogramTest, QuantilesAreThoseOfTheSortedValuesWithinTheBound) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        auto all = values(seed, 5'000 + seed);
        auto histogram = empty();
        std::uint64_t sum = 0;
        for (const std::uint64_t value : all) {
            histogram->record(value);
            sum += value;
        }
        std::ranges::sort(all);
        const HistogramSum seen(*histogram);
        EXPECT_EQ(seen.count(), all.size());
        EXPECT_EQ(seen.sum(), sum);
        EXPECT_EQ(seen.max(), all.back());
        for (const double share : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
            const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(all.size())));
            const auto exact = static_cast<double>(all[std::max<std::size_t>(rank, 1) - 1]);
            EXPECT_LE(distance(static_cast<double>(seen.quantile(share)), exact), kError) << share;
        }
    }
}

TEST(HistogramTest, CountsToABoundTakeNothingThatIsFarFromIt) {
    const auto all = values(7, 20'000);
    auto histogram = empty();
    for (const std::uint64_t value : all) histogram->record(value);
    const HistogramSum seen(*histogram);
    for (const std::uint64_t bound : {std::uint64_t{10}, std::uint64_t{63}, std::uint64_t{1'000},
                                      std::uint64_t{25'000}, std::uint64_t{10'000'000}}) {
        const auto below = [&](double limit) {
            return static_cast<std::uint64_t>(
                std::ranges::count_if(all, [&](auto value) { return static_cast<double>(value) <= limit; }));
        };
        const auto exact = static_cast<double>(bound);
        EXPECT_GE(seen.count_to(bound), below(bound < 64 ? exact : exact * (1 - kError)));
        EXPECT_LE(seen.count_to(bound), below(bound < 64 ? exact : exact * (1 + kError)));
    }
    EXPECT_EQ(seen.count_to(HistogramBuckets::kLimit), all.size());
}

TEST(HistogramTest, MergedIsAsIfOneHadCountedAll) {
    auto one = empty();
    auto other = empty();
    auto both = empty();
    for (const std::uint64_t value : values(3, 3'000)) {
        (value % 3 == 0 ? *one : *other).record(value);
        both->record(value);
    }
    HistogramSum added(*one);
    added.add(*other);
    one->merge(*other);
    const HistogramSum merged(*one);
    const HistogramSum expected(*both);
    for (const double share : {0.1, 0.5, 0.9, 0.99}) {
        EXPECT_EQ(merged.quantile(share), expected.quantile(share));
        EXPECT_EQ(added.quantile(share), expected.quantile(share));
    }
    EXPECT_EQ(merged.count(), expected.count());
    EXPECT_EQ(merged.sum(), expected.sum());
    EXPECT_EQ(merged.max(), expected.max());
    one->clear();
    EXPECT_EQ(HistogramSum(*one).count(), 0U);
    EXPECT_EQ(HistogramSum(*one).max(), 0U);
}

TEST(HistogramTest, AnEmptyOneHasNoQuantiles) {
    const HistogramSum nothing;
    EXPECT_EQ(nothing.quantile(0.5), 0U);
    EXPECT_EQ(nothing.count_to(1'000), 0U);
}

TEST(HistogramTest, SeveralWritersLoseNothing) {
    auto histogram = empty();
    std::vector<std::thread> writers;
    for (unsigned writer = 0; writer < 4; ++writer) {
        writers.emplace_back([&, writer] {
            for (std::uint64_t i = 0; i < 10'000; ++i) histogram->record_shared(i % 100 + writer);
        });
    }
    for (std::thread& writer : writers) writer.join();
    EXPECT_EQ(HistogramSum(*histogram).count(), 40'000U);
    EXPECT_EQ(HistogramSum(*histogram).max(), 102U);
}

}  // namespace

}  // namespace berth

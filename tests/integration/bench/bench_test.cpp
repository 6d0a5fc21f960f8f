// The benchmarks: that they measure, report, and leave nothing behind. What they measure is not asserted
// here.
#include <gtest/gtest.h>

#include <cstdint>

#include "tests/bench/client/histogram.hpp"
#include "tests/integration/support/program.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

TEST(BenchHistogram, PercentilesAreWithinHalfAPercent) {
    bench::Histogram histogram;
    for (std::uint64_t i = 1; i <= 100000; ++i) histogram.add(i * 1000);
    EXPECT_EQ(histogram.count(), 100000U);
    EXPECT_EQ(histogram.max(), 100000000U);
    EXPECT_DOUBLE_EQ(histogram.mean(), 50000500);
    for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9}) {
        const double exact = percent * 1e6;
        EXPECT_NEAR(static_cast<double>(histogram.percentile(percent)), exact, exact / 200) << percent;
    }
    EXPECT_EQ(histogram.percentile(100), 100000000U) << "the largest is exact";
}

TEST(BenchHistogram, EveryDurationHasItsPlace) {
    bench::Histogram histogram;
    EXPECT_EQ(histogram.percentile(50), 0U) << "nothing was measured";
    for (const std::uint64_t value :
         {std::uint64_t{0}, std::uint64_t{255}, std::uint64_t{256}, ~std::uint64_t{0}}) {
        bench::Histogram one;
        one.add(value);
        EXPECT_EQ(one.max(), value);
        const double found = static_cast<double>(one.percentile(50));
        if (value < 1000) {
            EXPECT_NEAR(found, static_cast<double>(value), 1);
        }
        histogram.add(value);
    }
    EXPECT_EQ(histogram.percentile(25), 0U);
    EXPECT_EQ(histogram.percentile(50), 255U);
}

TEST(Bench, TestsItself) {
    if (!has_program("python3")) GTEST_SKIP() << "the benchmarks are written in Python";
    const std::string server = server_program();
    const std::string objs = server.substr(0, server.rfind('/') + 1) + "bench";
    const RunResult run = run_program(
        {"python3", source_folder() + "/tests/bench/run", "--self-test", "--server", server, "--objs", objs});
    EXPECT_EQ(run.code, 0) << run.out << run.err;
}

}  // namespace
}  // namespace berth::test

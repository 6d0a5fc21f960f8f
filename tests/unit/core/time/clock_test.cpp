// The cached wall clock: texts that agree with strftime(3), in several time zones.
#include "core/time/clock.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "core/time/http_date.hpp"

namespace berth {
namespace {

std::string by_libc(const char* pattern, std::time_t time) {
    std::tm local{};
    ::localtime_r(&time, &local);
    char text[64];
    return {text, std::strftime(text, sizeof text, pattern, &local)};
}

class WallClockZones : public ::testing::TestWithParam<const char*> {
 protected:
    void SetUp() override {
        if (const char* zone = std::getenv("TZ")) old_ = zone;
        ::setenv("TZ", GetParam(), 1);
        ::tzset();
    }
    void TearDown() override {
        if (old_.empty()) {
            ::unsetenv("TZ");
        } else {
            ::setenv("TZ", old_.c_str(), 1);
        }
        ::tzset();
    }
    std::string old_;
};

TEST_P(WallClockZones, AgreesWithTheCLibrary) {
    const WallClock clock;
    const std::time_t now = clock.seconds();
    EXPECT_EQ(clock.http_date(), http_date(now));
    EXPECT_EQ(clock.log_time(), by_libc("%d/%b/%Y:%H:%M:%S %z", now));
    EXPECT_EQ(clock.error_time(), by_libc("%Y/%m/%d %H:%M:%S", now));
    EXPECT_EQ(clock.syslog_time(), by_libc("%b %e %H:%M:%S", now));
    std::string iso = by_libc("%Y-%m-%dT%H:%M:%S%z", now);
    iso.insert(iso.size() - 2, ":");
    EXPECT_EQ(clock.iso8601(), iso);
    EXPECT_EQ(clock.milliseconds() / 1000, static_cast<std::uint64_t>(now));
}

INSTANTIATE_TEST_SUITE_P(Zones, WallClockZones, ::testing::Values("UTC0", "XYZ-5:30", "XYZ3:30", "XYZ+11"));

TEST(WallClock, NeitherClockGoesBack) {
    WallClock clock;
    const std::uint64_t wall = clock.milliseconds();
    const std::uint64_t steady = monotonic_ms();
    clock.update();
    EXPECT_GE(clock.milliseconds() + 1000,
              wall);  // the wall clock may be set meanwhile, but hardly by a second
    EXPECT_GE(monotonic_ms(), steady);
    EXPECT_EQ(&wall_clock(), &wall_clock());
}

}  // namespace
}  // namespace berth

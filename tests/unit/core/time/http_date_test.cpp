// HTTP dates: the three forms, round trips against gmtime(3), and what is no date.
#include "core/time/http_date.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>

namespace berth {
namespace {

constexpr std::time_t kExample = 784111777;  // RFC 9110 §5.6.7

TEST(HttpDate, TheThreeForms) {
    EXPECT_EQ(http_date(kExample), "Sun, 06 Nov 1994 08:49:37 GMT");
    EXPECT_EQ(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT"), kExample);
    EXPECT_EQ(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT"), kExample);
    EXPECT_EQ(parse_http_date("Sun Nov  6 08:49:37 1994"), kExample);
    EXPECT_EQ(parse_http_date("Wed Nov 16 08:49:37 1994"), kExample + 10 * 86400);
}

TEST(HttpDate, TwoDigitYearsAreAtMostFiftyYearsAhead) {
    const std::time_t in_2026 = 1'795'000'000;
    EXPECT_EQ(http_date(*parse_http_date("Friday, 01-Jan-76 00:00:00 GMT", in_2026)).substr(12, 4), "2076");
    EXPECT_EQ(http_date(*parse_http_date("Friday, 01-Jan-77 00:00:00 GMT", in_2026)).substr(12, 4), "1977");
}

TEST(HttpDate, RandomTimesComeBackAndAgreeWithTheCLibrary) {
    std::mt19937_64 random(11);
    for (int i = 0; i < 20'000; ++i) {
        const auto time = static_cast<std::time_t>(random() % 300'000'000'000) - 60'000'000'000;
        std::tm utc{};
        if (::gmtime_r(&time, &utc) == nullptr || utc.tm_year + 1900 > 9999) continue;
        char text[64];
        const std::size_t size = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &utc);
        if (size != kHttpDateSize) continue;  // strftime does not pad years below 1000
        ASSERT_EQ(http_date(time), std::string(text, size));
        ASSERT_EQ(parse_http_date({text, size}), time);
        const std::size_t other = std::strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", &utc);
        ASSERT_EQ(parse_http_date({text, other}), time);
    }
}

TEST(HttpDate, RefusesEverythingElse) {
    for (const char* bad : {"",
                            "0",
                            "Sun",
                            "Sun, 06 Nov 1994 08:49:37",
                            "Sun, 06 Nov 1994 08:49:37 UTC",
                            "Sun, 06 Nov 1994 08:49:37 GMT ",
                            "Sun, 6 Nov 1994 08:49:37 GMT",
                            "Sun, 31 Feb 1994 08:49:37 GMT",
                            "Sun, 00 Nov 1994 08:49:37 GMT",
                            "Sun, 06 Nov 1994 24:00:00 GMT",
                            "Sun, 06 Nov 1994 08:60:37 GMT",
                            "Sun, 06 nov 1994 08:49:37 GMT",
                            "Sun, 29 Feb 1900 00:00:00 GMT",
                            "Sunday, 06-Nov-1994 08:49:37 GMT",
                            "Someday, 06-Nov-94 08:49:37 GMT",
                            "Sun Nov 6 08:49:37 1994",
                            "Sun Nov  6 08:49:37 94",
                            ",",
                            "Sun,",
                            "Sun, -6 Nov 1994 08:49:37 GMT"}) {
        EXPECT_FALSE(parse_http_date(bad)) << bad;
    }
    EXPECT_EQ(http_date(std::numeric_limits<std::time_t>::max()), "Fri, 31 Dec 9999 23:59:59 GMT");
    EXPECT_EQ(http_date(std::numeric_limits<std::time_t>::min()).substr(12, 4), "0000");
}

TEST(HttpDate, DamagedDatesAreReadOrRefusedButNeverMore) {
    std::mt19937 random(5);
    const std::string good = "Sunday, 06-Nov-94 08:49:37 GMT";
    for (int i = 0; i < 20'000; ++i) {
        std::string text = good.substr(0, random() % (good.size() + 1));
        for (std::size_t n = random() % 4; n > 0 && !text.empty(); --n)
            text[random() % text.size()] = static_cast<char>(random());
        static_cast<void>(parse_http_date(text));
    }
}

}  // namespace
}  // namespace berth

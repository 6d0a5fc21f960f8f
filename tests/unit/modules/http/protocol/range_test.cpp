// Byte ranges.
#include "modules/http/protocol/range.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

constexpr std::int64_t kTime = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
const std::string kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string kLater = "Sun, 06 Nov 1994 08:49:38 GMT";

std::string ranges(std::string_view value, std::uint64_t size, std::size_t most = 1000) {
    Arena arena;
    const RangeSet set = parse_range(value, size, most, arena);
    if (set.kind == RangeSet::Kind::whole) return "whole";
    if (set.kind == RangeSet::Kind::unsatisfiable) return "unsatisfiable";
    std::string out;
    for (const ByteRange& range : set.ranges) {
        out += std::to_string(range.begin) + "-" + std::to_string(range.end) + " ";
    }
    return out;
}

TEST(Range, ReadsAndCuts) {
    EXPECT_EQ(ranges("bytes=0-9", 100), "0-10 ");
    EXPECT_EQ(ranges("Bytes=90-", 100), "90-100 ");
    EXPECT_EQ(ranges("bytes=-10", 100), "90-100 ");
    EXPECT_EQ(ranges("bytes=-1000", 100), "0-100 ");
    EXPECT_EQ(ranges("bytes=50-1000", 100), "50-100 ");
    EXPECT_EQ(ranges("bytes=0-0, 5-6 ,-1", 100), "0-1 5-7 99-100 ");
    EXPECT_EQ(ranges("bytes=5-6,200-300", 100), "5-7 ") << "one within is enough";
    EXPECT_EQ(ranges("bytes=0-18446744073709551615", 100), "0-100 ");
    EXPECT_EQ(ranges("bytes=0-99999999999999999999999", 100), "0-100 ");
}

TEST(Range, IgnoresAndRefuses) {
    EXPECT_EQ(ranges("items=0-1", 100), "whole");
    EXPECT_EQ(ranges("bytes=0-99,0-0", 100), "whole") << "more than there is";
    EXPECT_EQ(ranges("bytes=0-1,3-4,6-7", 100, 2), "whole");
    EXPECT_EQ(ranges("bytes=0-1", 100, 0), "whole");
    EXPECT_EQ(ranges("bytes=100-", 100), "unsatisfiable");
    EXPECT_EQ(ranges("bytes=-0", 100), "unsatisfiable");
    for (const char* bad :
         {"bytes=", "bytes=5", "bytes=a-b", "bytes=5-4", "bytes=-", "bytes=1-2-3", "bytes=+1-2", "bytes=,"}) {
        EXPECT_EQ(ranges(bad, 100), "unsatisfiable") << bad;
    }
}

// Who always asks from the first byte on, and finds nothing, has all there is.
TEST(Range, AllOfNothingIsTheWhole) {
    for (const char* all : {"bytes=0-", "bytes=0-0", "bytes=-1", "bytes=7-,0-5"})
        EXPECT_EQ(ranges(all, 0), "whole") << all;
    EXPECT_EQ(ranges("bytes=5-", 0), "unsatisfiable");
    EXPECT_EQ(ranges("bytes=100-", 100), "unsatisfiable");
}

TEST(Range, IfRange) {
    const Validators known{"\"x\"", kTime};
    EXPECT_TRUE(if_range_holds("", known));
    EXPECT_TRUE(if_range_holds("\"x\"", known));
    EXPECT_FALSE(if_range_holds("\"y\"", known));
    EXPECT_FALSE(if_range_holds("W/\"x\"", {"W/\"x\"", kTime}));
    EXPECT_TRUE(if_range_holds(kDate, known));
    EXPECT_FALSE(if_range_holds(kLater, known));
    EXPECT_FALSE(if_range_holds(kDate, {"", std::nullopt}));
}

TEST(Range, ContentRange) {
    Arena arena;
    EXPECT_EQ(content_range({0, 10}, 100, arena), "bytes 0-9/100");
    EXPECT_EQ(content_range_unsatisfied(100, arena), "bytes */100");
}

}  // namespace
}  // namespace berth::http

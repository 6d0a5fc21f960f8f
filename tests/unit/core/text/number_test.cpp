// Numbers: round trips, borders, and what is no number.
#include "core/text/number.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <string>

namespace berth {
namespace {

using std::chrono::milliseconds;
constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();

std::string shown(std::uint64_t value) {
    char text[kDecimalDigits];
    return {text, format_decimal(text, value)};
}

RC_GTEST_PROP(Number, DecimalRoundTrip, (std::uint64_t value)) {
    RC_ASSERT(parse_unsigned(shown(value)) == value);
    RC_ASSERT(shown(value) == std::to_string(value));
}

RC_GTEST_PROP(Number, SignedRoundTrip, (std::int64_t value)) {
    char text[kDecimalDigits];
    RC_ASSERT(parse_signed({text, format_signed(text, value)}) == value);
}

RC_GTEST_PROP(Number, HexRoundTrip, (std::uint64_t value)) {
    char text[16];
    RC_ASSERT(parse_hex({text, format_hex(text, value)}) == value);
}

RC_GTEST_PROP(Number, AnyTextIsReadOrRefused, (const std::string& text)) {
    const auto value = parse_unsigned(text);
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
    RC_ASSERT(!value || digits);
    static_cast<void>(parse_size(text));
    static_cast<void>(parse_duration(text));
}

RC_GTEST_PROP(Number, RespectsTheMaximum, (std::uint64_t value, std::uint64_t maximum)) {
    RC_ASSERT(parse_unsigned(shown(value), maximum).has_value() == (value <= maximum));
}

TEST(Number, Borders) {
    EXPECT_EQ(parse_unsigned("18446744073709551615"), kMax);
    EXPECT_FALSE(parse_unsigned("18446744073709551616"));
    EXPECT_FALSE(parse_unsigned("99999999999999999999999"));
    EXPECT_EQ(parse_unsigned("65535", 65535), 65535u);
    EXPECT_FALSE(parse_unsigned("65536", 65535));
    EXPECT_EQ(parse_unsigned("0", 0), 0u);
    EXPECT_FALSE(parse_unsigned("5", 3));
    EXPECT_EQ(parse_signed("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
    EXPECT_FALSE(parse_signed("9223372036854775808"));
    EXPECT_EQ(parse_hex("FFFFFFFFFFFFFFFF"), kMax);
    EXPECT_EQ(parse_hex("0000000000000000000001"), 1u);
    EXPECT_FALSE(parse_hex("10000000000000000"));
    for (const char* text : {"", " 1", "1 ", "+1", "-1", "0x1", "1.0", "१"})
        EXPECT_FALSE(parse_unsigned(text)) << text;
}

TEST(Number, Sizes) {
    EXPECT_EQ(parse_size("8192"), 8192u);
    EXPECT_EQ(parse_size("8k"), 8192u);
    EXPECT_EQ(parse_size("1M"), 1u << 20);
    EXPECT_EQ(parse_size("2g"), std::uint64_t{2} << 30);
    for (const char* text : {"", "k", "1kk", "1t", "-1", "1 k", "9223372036854775807k"})
        EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Number, Durations) {
    EXPECT_EQ(parse_duration("60"), milliseconds(60'000));
    EXPECT_EQ(parse_duration("500ms"), milliseconds(500));
    EXPECT_EQ(parse_duration("1h30m"), milliseconds(5'400'000));
    EXPECT_EQ(parse_duration("1h 30m"), milliseconds(5'400'000));
    EXPECT_EQ(parse_duration("1m30"), milliseconds(90'000));
    EXPECT_EQ(parse_duration("1d"), milliseconds(86'400'000));
    EXPECT_EQ(parse_duration("1M"), milliseconds(30LL * 86'400'000));
    EXPECT_EQ(parse_duration("1y"), milliseconds(365LL * 86'400'000));
    EXPECT_EQ(parse_duration("1s5ms"), milliseconds(1005));
    EXPECT_EQ(parse_duration("0"), milliseconds(0));
    for (const char* text : {"", "s", "1m1h", "1m1m", "1x", "-1s", "1h ", " 1h", "1H", "99999999999999999999",
                             "9999999999999y"}) {
        EXPECT_FALSE(parse_duration(text)) << text;
    }
}

TEST(Number, Padded) {
    char text[4];
    EXPECT_EQ(std::string(text, format_padded(text, 7, 4)), "0007");
    EXPECT_EQ(std::string(text, format_padded(text, 12345, 3)), "345");
}

}  // namespace
}  // namespace berth

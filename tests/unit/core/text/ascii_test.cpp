// ASCII helpers, byte by byte.
#include "core/text/ascii.hpp"

#include <gtest/gtest.h>

namespace berth::ascii {
namespace {

TEST(Ascii, FoldsOnlyAsciiLetters) {
    for (int i = 0; i < 256; ++i) {
        const char c = static_cast<char>(i);
        const bool upper = i >= 'A' && i <= 'Z';
        EXPECT_EQ(to_lower(c), upper ? static_cast<char>(i + 32) : c);
        EXPECT_EQ(to_upper(to_lower(c)), is_lower(c) ? static_cast<char>(i - 32) : c);
    }
}

TEST(Ascii, ComparesWithoutCase) {
    static_assert(iequals("Content-Length", "content-lENGTH"));
    static_assert(!iequals("abc", "abcd"));
    static_assert(!iequals("@", "`"));  // they differ in the case bit only
    EXPECT_TRUE(starts_with_ci("Basic abc", "basic "));
    EXPECT_FALSE(starts_with_ci("bas", "basic"));
    EXPECT_EQ(ihash("Host"), ihash("hOST"));
    EXPECT_NE(ihash("host"), ihash("hosts"));
}

TEST(Ascii, TrimsOnlyBlanks) {
    EXPECT_EQ(trim(" \t a b\t "), "a b");
    EXPECT_EQ(trim("\r a"), "\r a");
    EXPECT_EQ(trim("  "), "");
    EXPECT_EQ(lowercase("ÄbC"), "Äbc");
}

TEST(Ascii, HexadecimalDigits) {
    EXPECT_EQ(hex_value('0'), 0);
    EXPECT_EQ(hex_value('f'), 15);
    EXPECT_EQ(hex_value('A'), 10);
    for (const char c : {'g', 'G', ' ', '/', ':', '@', '`', '\0', '\xff'}) EXPECT_EQ(hex_value(c), -1);
}

}  // namespace
}  // namespace berth::ascii

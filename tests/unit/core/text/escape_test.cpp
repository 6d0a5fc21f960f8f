// Escaping: tables, round trips, and JSON that stays JSON.
#include "core/text/escape.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <string>

namespace berth {
namespace {

template <class... A>
std::string with(void (*escape)(std::string&, std::string_view, A...), std::string_view text, A... more) {
    std::string out;
    escape(out, text, more...);
    return out;
}

TEST(Escape, Html) { EXPECT_EQ(with(escape_html, "<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;'"); }

TEST(Escape, Json) {
    EXPECT_EQ(with(escape_json, "a\"\\\n\r\t\b\f\x01\x7f/"), "a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u007f/");
    EXPECT_EQ(with(escape_json, "é€😀"), "é€😀");
    const std::string bad = "\xEF\xBF\xBD";
    EXPECT_EQ(with(escape_json, "a\xffz"), "a" + bad + "z");
    EXPECT_EQ(with(escape_json, "\xc0\x80"), bad + bad);                      // overlong
    EXPECT_EQ(with(escape_json, "\xed\xa0\x80"), bad + bad + bad);            // surrogate
    EXPECT_EQ(with(escape_json, "\xf4\x90\x80\x80"), bad + bad + bad + bad);  // above U+10FFFF
    EXPECT_EQ(with(escape_json, "\xe2\x82"), bad + bad);                      // cut off
}

TEST(Escape, UriPartsKeepTheirOwnCharacters) {
    EXPECT_EQ(with(escape_uri, "/a b/ü?#%", UriPart::path), "/a%20b/%C3%BC%3F%23%25");
    EXPECT_EQ(with(escape_uri, "a=b c&d?e#/+;", UriPart::args), "a=b%20c%26d%3Fe%23/%2B%3B");
    EXPECT_EQ(with(escape_uri, "/a b%20\xC3\r\n?c=d e#\x7f", UriPart::target),
              "/a%20b%20\xC3%0D%0A?c=d%20e#%7F");
    EXPECT_EQ(with(escape_uri, "a/b&c=d+e~", UriPart::component), "a%2Fb%26c%3Dd%2Be~");
}

RC_GTEST_PROP(Escape, UriRoundTrip, (const std::string& text)) {
    for (const UriPart part : {UriPart::path, UriPart::args, UriPart::component}) {
        const std::string escaped = with(escape_uri, text, part);
        RC_ASSERT(percent_decode(escaped) == text);
        RC_ASSERT(percent_decode_lenient(escaped) == text);
        RC_ASSERT(std::none_of(escaped.begin(), escaped.end(), [](char c) { return c <= ' ' || c == 0x7f; }));
    }
}

TEST(Escape, PercentDecodeRefusesHalfEscapes) {
    EXPECT_EQ(percent_decode("a%2fb+%00"), std::string("a/b+\0", 5));
    for (const char* text : {"%", "%4", "a%zz", "%%41", "%4g"}) EXPECT_FALSE(percent_decode(text)) << text;
    EXPECT_EQ(percent_decode_lenient("100% %41 %4"), "100% A %4");
}

TEST(Escape, LogsNeverBreakTheirLine) {
    EXPECT_EQ(with(escape_log, "a\"b\\c\n\x7f\xc3"), "a\\x22b\\x5Cc\\x0A\\x7F\\xC3");
    EXPECT_EQ(with(escape_control, "a\"b\\c\nü\x1b["), "a\"b\\c\\x0Aü\\x1B[");
}

}  // namespace
}  // namespace berth

// The argument of expires.
#include "modules/http/expires.hpp"

#include <gtest/gtest.h>

namespace berth::http {
namespace {

void expect(std::string_view text, Expires::Kind kind, std::int64_t seconds) {
    const auto parsed = Expires::parse(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(parsed->kind, kind) << text;
    EXPECT_EQ(parsed->seconds, seconds) << text;
}

TEST(Expires, Words) {
    expect("off", Expires::Kind::off, 0);
    expect("epoch", Expires::Kind::epoch, 0);
    expect("max", Expires::Kind::max, 0);
}

TEST(Expires, Times) {
    expect("30d", Expires::Kind::after, 30 * 86400);
    expect("+1h", Expires::Kind::after, 3600);
    expect("-1", Expires::Kind::after, -1);
    expect("0", Expires::Kind::after, 0);
    expect("@15h30m", Expires::Kind::daily, 15 * 3600 + 30 * 60);
}

TEST(Expires, AnythingElseIsNothing) {
    for (std::string_view text : {"", "never", "@24h", "--1", "1x", "@"})
        EXPECT_FALSE(Expires::parse(text)) << text;
}

}  // namespace
}  // namespace berth::http

// Texts put together.
#include "core/text/join.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth {
namespace {

TEST(Join, PutsTextsBehindEachOther) {
    Arena arena;
    const std::string own = "own";
    EXPECT_EQ(join(arena, "a", std::string_view("bc"), own, ""), "abcown");
    EXPECT_EQ(join(arena, "", std::string_view()), "");
    EXPECT_EQ(join(arena, "a", std::string_view("\0", 1)).size(), 2U);
}

TEST(Join, IsACopy) {
    Arena arena;
    std::string text = "before";
    const std::string_view joined = join(arena, text);
    text = "behind";
    EXPECT_EQ(joined, "before");
}

}  // namespace
}  // namespace berth

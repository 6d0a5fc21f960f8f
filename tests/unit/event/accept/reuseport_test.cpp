// GroupPlace: how a socket of a group is named in messages.
#include "event/accept/reuseport.hpp"

#include <gtest/gtest.h>

namespace berth {

namespace {

TEST(GroupPlaceTest, ThereAndBack) {
    const GroupPlace place{3, 17};
    GroupPlace read;
    ASSERT_TRUE(GroupPlace::parse(place.to_text(), read));
    EXPECT_EQ(read, place);
}

TEST(GroupPlaceTest, AnythingElseIsNone) {
    GroupPlace place{1, 2};
    for (const char* text : {"", " ", "1", "1 ", " 2", "x 2", "1 x", "1 2 3", "-1 2", "1 100000"}) {
        EXPECT_FALSE(GroupPlace::parse(text, place)) << text;
    }
    EXPECT_EQ(place, (GroupPlace{1, 2}));
}

}  // namespace

}  // namespace berth

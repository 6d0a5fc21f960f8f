// LentSockets: how a socket that is lent is named in messages.
#include "event/accept/lent_sockets.hpp"

#include <gtest/gtest.h>

namespace berth {

namespace {

TEST(SocketPlaceTest, ThereAndBack) {
    const SocketPlace place{3, 17, 4};
    SocketPlace read;
    ASSERT_TRUE(SocketPlace::parse(place.to_text(), read));
    EXPECT_EQ(read, place);
}

TEST(SocketPlaceTest, AnythingElseIsNone) {
    SocketPlace place{1, 2, 3};
    for (const char* text : {"", " ", "1", "1 2", "1 2 ", " 2 3", "x 2 3", "1 x 3", "1 2 x", "1 2 3 4",
                             "-1 2 3", "1 100000 3", "1 2 99999999999"}) {
        EXPECT_FALSE(SocketPlace::parse(text, place)) << text;
    }
    EXPECT_EQ(place, (SocketPlace{1, 2, 3}));
}

}  // namespace

}  // namespace berth

// Reason phrases and status lines.
#include "modules/http/protocol/status.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

TEST(Status, PhrasesAndLines) {
    EXPECT_EQ(reason_phrase(405), "Not Allowed");
    EXPECT_EQ(reason_phrase(504), "Gateway Time-out");
    EXPECT_EQ(status_line(200), "HTTP/1.1 200 OK\r\n");
    EXPECT_EQ(status_line(299), "");
    EXPECT_EQ(status_line(-1), "");
    EXPECT_EQ(status_line(1000), "");
    EXPECT_TRUE(never_has_body(304));
    EXPECT_FALSE(never_has_body(200));
}

}  // namespace
}  // namespace berth::http

// Cookies by name.
#include "modules/http/protocol/cookie.hpp"

#include <gtest/gtest.h>

#include <string>

#include "modules/http/protocol/request_parser.hpp"

namespace berth::http {
namespace {

TEST(Cookies, AreFoundByName) {
    EXPECT_EQ(find_cookie("a=1; b=2;c = 3 ; a=4", "a"), "1");
    EXPECT_EQ(find_cookie("a=1; b=2;c = 3 ; a=4", "C"), "3");
    EXPECT_EQ(find_cookie("ab=1", "a"), std::nullopt);
    EXPECT_EQ(find_cookie("a", "a"), std::nullopt);
    EXPECT_EQ(find_cookie("a=b=c", "a"), "b=c");
    const std::string text = "GET / HTTP/1.1\r\nCookie: x=1\r\nHost: a\r\nCookie: y=2\r\n\r\n";
    RequestParser parser;
    ASSERT_EQ(parser.feed(text), RequestParser::Status::done);
    EXPECT_EQ(find_cookie(parser.head().fields, text, "y"), "2");
    EXPECT_EQ(find_cookie(parser.head().fields, text, "z"), std::nullopt);
}

}  // namespace
}  // namespace berth::http

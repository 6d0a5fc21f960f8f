// Entity tags and preconditions.
#include "modules/http/protocol/conditional.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

constexpr std::int64_t kTime = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
const std::string kDate = "Sun, 06 Nov 1994 08:49:37 GMT";
const std::string kEarlier = "Sun, 06 Nov 1994 08:49:36 GMT";
const std::string kLater = "Sun, 06 Nov 1994 08:49:38 GMT";

Precondition evaluate(const std::string& fields, IfModifiedSince mode = IfModifiedSince::exact,
                      const std::string& method = "GET", std::string_view etag = "\"x\"") {
    const std::string text = method + " / HTTP/1.1\r\n" + fields + "\r\n";
    RequestParser parser;
    EXPECT_EQ(parser.feed(text), RequestParser::Status::done);
    return evaluate_preconditions(parser.head(), text, {etag, kTime}, mode);
}

TEST(Etags, StrongAndWeak) {
    EXPECT_TRUE(etag_equal_strong("\"a\"", "\"a\""));
    EXPECT_FALSE(etag_equal_strong("W/\"a\"", "W/\"a\""));
    EXPECT_TRUE(etag_equal_weak("W/\"a\"", "\"a\""));
    EXPECT_FALSE(etag_equal_weak("\"a\"", "\"b\""));
    EXPECT_FALSE(etag_equal_weak("", ""));
    EXPECT_TRUE(etag_in_list("\"a,b\", W/\"c\"", "\"c\"", true));
    EXPECT_FALSE(etag_in_list("\"a,b\", W/\"c\"", "\"c\"", false));
    EXPECT_TRUE(etag_in_list("*", "", true));
}

TEST(Preconditions, Tags) {
    EXPECT_EQ(evaluate(""), Precondition::proceed);
    EXPECT_EQ(evaluate("If-Match: \"y\"\r\n"), Precondition::failed);
    EXPECT_EQ(evaluate("If-Match: \"y\"\r\nIf-Match: \"x\"\r\n"), Precondition::proceed);
    EXPECT_EQ(evaluate("If-Match: W/\"x\"\r\n"), Precondition::failed);
    EXPECT_EQ(evaluate("If-None-Match: W/\"x\"\r\n"), Precondition::not_modified);
    EXPECT_EQ(evaluate("If-None-Match: *\r\n", IfModifiedSince::exact, "PUT"), Precondition::failed);
    EXPECT_EQ(evaluate("If-None-Match: \"y\"\r\nIf-Modified-Since: " + kDate + "\r\n"), Precondition::proceed)
        << "the tag decides";
}

TEST(Preconditions, Dates) {
    using Mode = IfModifiedSince;
    EXPECT_EQ(evaluate("If-Modified-Since: " + kDate + "\r\n"), Precondition::not_modified);
    EXPECT_EQ(evaluate("If-Modified-Since: " + kLater + "\r\n"), Precondition::proceed);
    EXPECT_EQ(evaluate("If-Modified-Since: " + kLater + "\r\n", Mode::before), Precondition::not_modified);
    EXPECT_EQ(evaluate("If-Modified-Since: " + kEarlier + "\r\n", Mode::before), Precondition::proceed);
    EXPECT_EQ(evaluate("If-Modified-Since: " + kDate + "\r\n", Mode::off), Precondition::proceed);
    EXPECT_EQ(evaluate("If-Modified-Since: " + kDate + "\r\n", Mode::exact, "POST"), Precondition::proceed);
    EXPECT_EQ(evaluate("If-Modified-Since: yesterday\r\n"), Precondition::proceed);
    EXPECT_EQ(evaluate("If-Unmodified-Since: " + kEarlier + "\r\n"), Precondition::failed);
    EXPECT_EQ(evaluate("If-Unmodified-Since: " + kDate + "\r\n"), Precondition::proceed);
    EXPECT_EQ(evaluate("If-Match: \"x\"\r\nIf-Unmodified-Since: " + kEarlier + "\r\n"),
              Precondition::proceed);
}

}  // namespace
}  // namespace berth::http

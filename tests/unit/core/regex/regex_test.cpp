// Regular expressions: captures, names, limits and errors.
#include "core/regex/regex.hpp"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

namespace berth {
namespace {

using Outcome = Regex::Outcome;

TEST(Regex, CapturesAndNames) {
    const auto regex = Regex::compile(R"(^(?<user>\w+)@(?:(?<sub>\w+)\.)?(example)\.com$)");
    ASSERT_TRUE(regex);
    EXPECT_EQ(regex->groups(), 3u);
    ASSERT_EQ(regex->names().size(), 2u);
    EXPECT_EQ(regex->names()[0].name, "user");
    EXPECT_EQ(regex->names()[0].group, 1u);
    EXPECT_EQ(regex->names()[1].name, "sub");

    Captures captures;
    const std::string subject = "joe@example.com";
    ASSERT_EQ(regex->match(subject, captures), Outcome::yes);
    EXPECT_EQ(captures.count(), 4u);
    EXPECT_EQ(captures.group(subject, 0), subject);
    EXPECT_EQ(captures.group(subject, 1), "joe");
    EXPECT_FALSE(captures.matched(2));
    EXPECT_EQ(captures.group(subject, 2), "");
    EXPECT_EQ(captures.group(subject, 3), "example");
    EXPECT_EQ(captures.group(subject, 4), "");
    EXPECT_EQ(regex->match("joe@", captures), Outcome::no);
    EXPECT_EQ(captures.group(subject, 1), "joe");
}

TEST(Regex, CaseAndStart) {
    EXPECT_FALSE(Regex::compile("\\.PHP$")->matches("/x.php"));
    EXPECT_TRUE(Regex::compile("\\.PHP$", {.ignore_case = true})->matches("/x.php"));
    const auto regex = Regex::compile("a");
    Captures captures;
    ASSERT_EQ(regex->match("banana", captures, 2), Outcome::yes);
    EXPECT_EQ(captures.span(0), std::pair(3u, 4u));
    EXPECT_EQ(regex->match("a", captures, 5), Outcome::no);
    EXPECT_TRUE(Regex::compile("")->matches({}));
    EXPECT_TRUE(Regex::compile("^a.b$")->matches(std::string_view("a\0b", 3)));
}

TEST(Regex, MoreGroupsThanAreKept) {
    std::string pattern;
    for (int i = 0; i < 30; ++i) pattern += "(.)";
    const auto regex = Regex::compile(pattern);
    Captures captures;
    const std::string subject(30, 'x');
    ASSERT_EQ(regex->match(subject, captures), Outcome::yes);
    EXPECT_EQ(captures.count(), Captures::kMost);
    EXPECT_EQ(captures.group(subject, 19), "x");
}

TEST(Regex, ErrorsNameTheOffset) {
    const auto regex = Regex::compile("^(a");
    ASSERT_FALSE(regex);
    EXPECT_EQ(regex.error().message,
              "pcre2_compile() failed: missing closing parenthesis in \"^(a\" at offset 3");
}

TEST(Regex, ExplodingPatternsAreCutShort) {
    const auto regex = Regex::compile("^(a+)+$");
    Captures captures;
    EXPECT_EQ(regex->match(std::string(60, 'a') + "b", captures), Outcome::limited);
    const auto deep = Regex::compile("^(?:(a)|b)*$");
    EXPECT_NE(deep->match(std::string(5'000'000, 'a') + "c", captures), Outcome::yes);
}

TEST(Regex, EachPatternHasItsOwnLimits) {
    Regex::Options few;
    few.limits.match = 100;
    const auto limited = Regex::compile("^(a+)+$", few);
    const auto usual = Regex::compile("^(a+)+$");
    const std::string subject = std::string(10, 'a') + "b";
    Captures captures;
    EXPECT_EQ(limited->match(subject, captures), Outcome::limited);
    EXPECT_EQ(usual->match(subject, captures), Outcome::no);
    EXPECT_EQ(limited->match(subject, captures), Outcome::limited);
}

TEST(Regex, MatchesTheSameWithoutMachineCode) {
    const auto regex = Regex::compile("^/(\\w+)/$", {.jit = false});
    ASSERT_TRUE(regex);
    EXPECT_FALSE(regex->jit());
    Captures captures;
    ASSERT_EQ(regex->match("/folder/", captures), Outcome::yes);
    EXPECT_EQ(captures.group("/folder/", 1), "folder");
}

TEST(Regex, OnePatternServesManyThreads) {
    const auto regex = Regex::compile("(\\d+)-(\\d+)");
    std::vector<std::thread> threads;
    std::vector<int> good(4, 0);
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 2000; ++i) {
                const std::string subject = std::to_string(t) + "-" + std::to_string(i);
                Captures captures;
                if (regex->match(subject, captures) == Outcome::yes &&
                    captures.group(subject, 2) == std::to_string(i))
                    ++good[static_cast<std::size_t>(t)];
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, std::vector<int>(4, 2000));
}

}  // namespace
}  // namespace berth

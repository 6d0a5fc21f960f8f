// map: which of its entries a text finds.
#include "modules/shared/map.hpp"

#include <gtest/gtest.h>

#include "modules/shared/data_block.hpp"
#include "tests/unit/modules/shared/test_protocol.hpp"

namespace berth {
namespace {

constexpr Directive kRows[] = {data_block<Map::read>("map", in_main, {2, 2}, "", "Tested.")};

class MapTest : public testing::Test {
 protected:
    std::string look_up(const char* text) {
        protocol_.variables.index("result");
        auto host = protocol_.host();
        host->a = text;
        return std::string(host->variable("result").text);
    }

    test::TestProtocol protocol_{kRows};
};

TEST_F(MapTest, ExactTextsIgnoreLetterCase) {
    ASSERT_TRUE(protocol_.read("map $a $result { one 1; Two 2; default none; }")) << protocol_.messages();
    EXPECT_EQ(look_up("one"), "1");
    EXPECT_EQ(look_up("TWO"), "2");
    EXPECT_EQ(look_up("three"), "none");
    EXPECT_EQ(look_up(""), "none");
}

TEST_F(MapTest, WithoutDefaultItIsEmpty) {
    ASSERT_TRUE(protocol_.read("map $a $result { one 1; }"));
    EXPECT_EQ(look_up("other"), "");
}

TEST_F(MapTest, ExactTextsComeBeforeRegularExpressionsWhateverTheirOrder) {
    ASSERT_TRUE(protocol_.read("map $a $result { ~^on regex; ~*^ONE second; one exact; }"));
    EXPECT_EQ(look_up("one"), "exact");
    EXPECT_EQ(look_up("only"), "regex");
    EXPECT_EQ(look_up("ONE-X"), "second");
}

TEST_F(MapTest, FirstRegularExpressionThatMatchesCounts) {
    ASSERT_TRUE(protocol_.read("map $a $result { ~a first; ~ab second; }"));
    EXPECT_EQ(look_up("ab"), "first");
}

TEST_F(MapTest, RegularExpressionsLendTheirGroupsToTheValue) {
    ASSERT_TRUE(protocol_.read(R"(map $a $result { "~^/(?<first>[^/]+)/(.*)$" "$first-$2"; })"))
        << protocol_.messages();
    EXPECT_EQ(look_up("/x/y/z"), "x-y/z");
}

TEST_F(MapTest, HostnamesPreferExactThenLongestMasks) {
    ASSERT_TRUE(
        protocol_.read("map $a $result { hostnames; *.example.com wild; a.b.example.com exact; "
                       "*.b.example.com longer; www.* trailing; .both.org both; default none; }"))
        << protocol_.messages();
    EXPECT_EQ(look_up("a.b.example.com"), "exact");
    EXPECT_EQ(look_up("c.b.example.com"), "longer");
    EXPECT_EQ(look_up("c.example.com"), "wild");
    EXPECT_EQ(look_up("www.test.net"), "trailing");
    EXPECT_EQ(look_up("both.org"), "both");
    EXPECT_EQ(look_up("x.both.org"), "both");
    EXPECT_EQ(look_up("x.both.org."), "both");
    EXPECT_EQ(look_up("example.com"), "none");
}

TEST_F(MapTest, ValuesMayHaveVariables) {
    ASSERT_TRUE(protocol_.read(R"(map $a $result { one "<$c>"; default $b; })"));
    protocol_.variables.index("result");
    auto host = protocol_.host();
    host->a = "one";
    host->c = "x";
    EXPECT_EQ(host->variable("result").text, "<x>");
    host = protocol_.host();
    host->a = "two";
    EXPECT_FALSE(host->variable("result").found) << "a missing variable makes the result missing";
}

TEST_F(MapTest, BackslashTakesTheMeaningFromParameters) {
    ASSERT_TRUE(protocol_.read(R"(map $a $result { \hostnames word; \~x tilde; })")) << protocol_.messages();
    EXPECT_EQ(look_up("hostnames"), "word");
    EXPECT_EQ(look_up("~x"), "tilde");
}

TEST_F(MapTest, WrongEntriesAreReported) {
    EXPECT_FALSE(protocol_.read("map $a $result { one 1; ONE 2; }"));
    EXPECT_NE(protocol_.messages().find("conflicting parameter \"ONE\""), std::string::npos);
}

TEST_F(MapTest, BadRegularExpressionsAreReported) {
    EXPECT_FALSE(protocol_.read("map $a $result { ~( 1; }"));
}

TEST_F(MapTest, ResultMustBeAVariable) {
    EXPECT_FALSE(protocol_.read("map $a result { one 1; }"));
    EXPECT_NE(protocol_.messages().find("invalid variable name \"result\""), std::string::npos);
}

}  // namespace
}  // namespace berth

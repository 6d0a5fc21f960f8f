// The conditions of `if`: how they are read, when they hold.
#include "modules/http/rewrite/condition.hpp"

#include <gtest/gtest.h>

#include "core/config/rows.hpp"
#include "tests/unit/modules/shared/test_protocol.hpp"

namespace berth::http {
namespace {

void open_nothing(Loader&, const Node&) {}

constexpr Directive kRows[] = {
    rows::block<open_nothing>("if", in_main, in_events, {1, kAnyNumber}, "", "Tested.")};

class ConditionTest : public testing::Test {
 protected:
    std::optional<Condition> parse(const std::string& text) {
        return Condition::parse(protocol_.loader, protocol_.node("if " + text + " { }"));
    }
    bool holds(const std::string& text, const char* a) {
        auto condition = parse(text);
        EXPECT_TRUE(condition) << text << "\n" << protocol_.messages();
        if (!condition) return false;
        host_ = protocol_.host();
        host_->a = a;
        return condition->holds(*host_);
    }

    test::TestProtocol protocol_{kRows};
    std::unique_ptr<test::TestHost> host_;
};

TEST_F(ConditionTest, AVariableAlone) {
    EXPECT_TRUE(holds("($a)", "x"));
    EXPECT_TRUE(holds("( $a )", "00"));
    EXPECT_FALSE(holds("($a)", ""));
    EXPECT_FALSE(holds("($a)", "0"));
    EXPECT_FALSE(holds("($b)", ""));
}

TEST_F(ConditionTest, Equality) {
    EXPECT_TRUE(holds("($a = x)", "x"));
    EXPECT_FALSE(holds("($a = x)", "X"));
    EXPECT_TRUE(holds("( $a != x )", "y"));
    EXPECT_TRUE(holds("($a = \"\")", ""));
    EXPECT_TRUE(holds("($a = \"<$c>\")", "<>"));
}

TEST_F(ConditionTest, RegularExpressions) {
    EXPECT_TRUE(holds("($a ~ ^x)", "xy"));
    EXPECT_FALSE(holds("($a ~ ^x)", "Xy"));
    EXPECT_TRUE(holds("($a ~* ^x)", "Xy"));
    EXPECT_TRUE(holds("($a !~ ^x)", "yx"));
    EXPECT_FALSE(holds("($a !~* ^x)", "Xy"));
    EXPECT_TRUE(holds("($a ~ \"a (b)\")", "a b")) << "quotes let blanks and parentheses in";
}

TEST_F(ConditionTest, GroupsAreLeftBehind) {
    ASSERT_TRUE(holds("($a ~ ^(?<name>.)(.))", "xyz"));
    EXPECT_EQ(host_->capture(1), "x");
    EXPECT_EQ(host_->capture(2), "y");
    EXPECT_EQ(host_->variable("name").text, "x");
}

TEST_F(ConditionTest, TestsOfFiles) {
    struct stat file {};
    file.st_mode = S_IFREG | 0644;
    struct stat folder {};
    folder.st_mode = S_IFDIR | 0755;
    auto answer = [&](const std::string& text, const struct stat* status) {
        const auto condition = parse(text);
        EXPECT_TRUE(condition && condition->asks_for_file()) << text;
        return condition && condition->holds_for(status);
    };
    EXPECT_TRUE(answer("(-f $a)", &file));
    EXPECT_FALSE(answer("(-f $a)", &folder));
    EXPECT_TRUE(answer("(!-f $a)", nullptr));
    EXPECT_TRUE(answer("( -d $a )", &folder));
    EXPECT_FALSE(answer("(!-d $a)", &folder));
    EXPECT_TRUE(answer("(-e $a/x)", &file));
    EXPECT_FALSE(answer("(-e $a)", nullptr));
    EXPECT_FALSE(answer("(-x $a)", &file));
    EXPECT_TRUE(answer("(-x $a)", &folder));
    EXPECT_TRUE(answer("(!-x $a)", &file));
}

TEST_F(ConditionTest, WrongOnesAreReported) {
    for (const char* text :
         {"$a", "()", "($a", "(a = b)", "($a == b)", "($a > b)", "(-z $a)", "($a = b c)", "($a ~ \"(\")"}) {
        EXPECT_FALSE(parse(text)) << text;
    }
}

}  // namespace
}  // namespace berth::http

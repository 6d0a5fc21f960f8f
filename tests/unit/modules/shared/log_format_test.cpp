// Lines of access logs: pieces, escapes, missing variables.
#include "modules/shared/log_format.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/unit/modules/shared/test_protocol.hpp"

namespace berth {
namespace {

class LogFormatTest : public testing::Test {
 protected:
    std::string line(std::string_view text, LogEscape escape = LogEscape::standard) {
        Result<LogFormat> format = LogFormat::compile(text, escape, protocol_.variables, {});
        EXPECT_TRUE(format) << text;
        host_ = protocol_.host();
        host_->a = a_.c_str();
        std::string out;
        format->write(*host_, out);
        return out;
    }

    test::TestProtocol protocol_{{}};
    std::unique_ptr<test::TestHost> host_;
    std::string a_ = "value";
};

TEST_F(LogFormatTest, TextAndVariables) { EXPECT_EQ(line("<$a> ${a}b $a$a."), "<value> valueb valuevalue."); }

TEST_F(LogFormatTest, MissingIsADashOnlyInTheStandardEscape) {
    EXPECT_EQ(line("[$b]"), "[-]");
    EXPECT_EQ(line("[$b]", LogEscape::json), "[]");
    EXPECT_EQ(line("[$b]", LogEscape::none), "[]");
    EXPECT_EQ(line("[$c]"), "[]") << "empty is not missing";
}

TEST_F(LogFormatTest, StandardEscape) {
    a_ = "q\" b\\ n\n \x7f \xc3\xa4 ok";
    EXPECT_EQ(line("$a"), "q\\x22 b\\x5C n\\x0A \\x7F \\xC3\\xA4 ok");
}

TEST_F(LogFormatTest, JsonEscape) {
    a_ = "q\" b\\ n\n t\t \x01 \xc3\xa4";
    EXPECT_EQ(line("$a", LogEscape::json), "q\\\" b\\\\ n\\n t\\t \\u0001 \xc3\xa4");
}

TEST_F(LogFormatTest, NoEscape) {
    a_ = "\"\\\n";
    EXPECT_EQ(line("$a", LogEscape::none), "\"\\\n");
}

// Whatever a client sends, a line stays a line, and its quotes are those of the format.
TEST_F(LogFormatTest, NoTextBreaksOutOfItsQuotes) {
    std::mt19937 random(7);
    for (int round = 0; round < 300; ++round) {
        a_.clear();
        for (auto i = random() % 40; i > 0; --i) a_ += static_cast<char>(random() % 255 + 1);
        const std::string standard = line("\"$a\"");
        EXPECT_EQ(std::ranges::count(standard, '"'), 2);
        for (const char c : standard) ASSERT_TRUE(c >= 0x20 && c < 0x7f) << int(c);
        const std::string json = line("\"$a\"", LogEscape::json);
        for (std::size_t i = 1; i + 1 < json.size(); ++i) {
            ASSERT_GE(static_cast<unsigned char>(json[i]), 0x20);
            if (json[i] == '\\') {
                ++i;
                continue;
            }
            ASSERT_NE(json[i], '"');
        }
    }
}

TEST_F(LogFormatTest, JsonObject) {
    const LogFormat::Member members[] = {{"a", "a"}, {"n", "c", true}, {"b", "b"}, {"z", "b", true}};
    const LogFormat format = LogFormat::json_object(members, protocol_.variables);
    auto host = protocol_.host();
    host->a = "x\"y";
    host->c = "007";
    std::string out;
    format.write(*host, out);
    EXPECT_EQ(out, R"({"a":"x\"y","n":7,"b":"","z":0})");
}

TEST_F(LogFormatTest, LonelyDollarsAreErrors) {
    EXPECT_FALSE(LogFormat::compile("a $ b", LogEscape::standard, protocol_.variables, {}));
    EXPECT_FALSE(LogFormat::compile("${a", LogEscape::standard, protocol_.variables, {}));
}

}  // namespace
}  // namespace berth

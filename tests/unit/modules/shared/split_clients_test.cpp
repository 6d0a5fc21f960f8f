// split_clients: sizes of the shares, and the hash behind them.
#include "modules/shared/split_clients.hpp"

#include <gtest/gtest.h>

#include <map>

#include "modules/shared/data_block.hpp"
#include "tests/unit/modules/shared/test_protocol.hpp"

namespace berth {
namespace {

constexpr Directive kRows[] = {
    data_block<SplitClients::read>("split_clients", in_main, {2, 2}, "", "Tested.")};

// As nginx 1.22.1 answers with the same shares.
TEST(SplitClients, SharesAreThoseOfNginx) {
    test::TestProtocol protocol(kRows);
    ASSERT_TRUE(protocol.read("split_clients $a $result { 10% a; 20% b; 0.5% c; * d; }"))
        << protocol.messages();
    protocol.variables.index("result");
    const std::pair<const char*, std::string_view> known[] = {
        {"", "a"},     {"a", "d"},     {"ab", "b"},         {"abc", "a"},
        {"abcd", "b"}, {"hello", "d"}, {"203.0.113.9", "d"}};
    for (const auto& [text, share] : known) {
        auto host = protocol.host();
        host->a = text;
        EXPECT_EQ(host->variable("result").text, share) << text;
    }
}

TEST(SplitClients, SharesHaveTheirSize) {
    test::TestProtocol protocol(kRows);
    ASSERT_TRUE(protocol.read("split_clients $a $result { 10% one; 0.5% two; * rest; }"))
        << protocol.messages();
    protocol.variables.index("result");
    std::map<std::string, int> counts;
    for (int i = 0; i < 20'000; ++i) {
        auto host = protocol.host();
        const std::string text = "client-" + std::to_string(i);
        host->a = text.c_str();
        ++counts[std::string(host->variable("result").text)];
    }
    EXPECT_NEAR(counts["one"], 2000, 200);
    EXPECT_NEAR(counts["two"], 100, 50);
    EXPECT_EQ(counts["one"] + counts["two"] + counts["rest"], 20'000);
}

TEST(SplitClients, WrongSharesAreReported) {
    for (const char* share : {"101%", "0%", "5", "1.234%", "x%", "1.%"}) {
        test::TestProtocol protocol(kRows);
        EXPECT_FALSE(protocol.read("split_clients $a $result { " + std::string(share) + " x; }")) << share;
    }
    test::TestProtocol protocol(kRows);
    EXPECT_FALSE(protocol.read("split_clients $a $result { 60% x; 60% y; }"));
}

}  // namespace
}  // namespace berth

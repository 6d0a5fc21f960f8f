// Commands as lines: what goes over the control socket comes out as it was.
#include "core/command.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace berth {
namespace {

TEST(CommandTest, WordsSurviveTheLine) {
    const std::vector<std::string> words = {"upstream", "add",   "my group",   "unix:/a;b", "x=\"y\"", "",
                                            "#",        "$var{", "two\nlines", "{",         "\\",      "'"};
    const std::string line = command_line(words);
    EXPECT_EQ(line.find('\n'), std::string::npos) << "one line, whatever is in it";
    ConfigTree tree;
    Diagnostics findings;
    const Node* node = read_command(line, tree, findings);
    ASSERT_NE(node, nullptr) << findings.report("command");
    EXPECT_EQ(node->name, "upstream");
    ASSERT_EQ(node->args.size(), words.size() - 1);
    for (std::size_t i = 1; i < words.size(); ++i) EXPECT_EQ(node->args[i - 1].text, words[i]);
}

TEST(CommandTest, WhatIsNoCommandIsExplained) {
    for (const char* line : {"", "a 'b", "a; b", "a { b; }", "}", ";"}) {
        ConfigTree tree;
        Diagnostics findings;
        EXPECT_EQ(read_command(line, tree, findings), nullptr) << line;
        EXPECT_TRUE(findings.failed()) << line;
    }
}

TEST(CommandTest, CommandsAreFoundByName) {
    ASSERT_NE(find_command("upstream"), nullptr);
    EXPECT_EQ(find_command("upstreams"), nullptr);
    EXPECT_EQ(unknown_command("upstraem").message,
              "unknown command \"upstraem\"; did you mean \"upstream\"?");
}

}  // namespace
}  // namespace berth

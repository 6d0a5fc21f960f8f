// CommandLine: the spellings of options.
#include "core/command_line.hpp"

#include <gtest/gtest.h>

namespace berth {

namespace {

using Action = CommandLine::Action;

Result<CommandLine> parse(std::initializer_list<std::string_view> words) {
    return parse_command_line(std::span(words.begin(), words.size()));
}

TEST(CommandLineParserTest, ServesByDefault) {
    Result<CommandLine> line = parse({});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->action, Action::serve);
}

TEST(CommandLineParserTest, TakesValuesAttachedApartAndLong) {
    for (const auto& line : {parse({"-c", "a.conf"}), parse({"-ca.conf"}), parse({"--config", "a.conf"}),
                             parse({"--config=a.conf"})}) {
        ASSERT_TRUE(line);
        EXPECT_EQ(line->config, "a.conf");
    }
}

TEST(CommandLineParserTest, BundlesShortOptions) {
    Result<CommandLine> line = parse({"-tqc", "x", "-p/srv", "-e", "stderr", "-g", "daemon off;"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->action, Action::test);
    EXPECT_TRUE(line->quiet);
    EXPECT_EQ(line->config, "x");
    EXPECT_EQ(line->prefix, "/srv");
    EXPECT_EQ(line->error_log, "stderr");
    EXPECT_EQ(line->directives, "daemon off;");
}

TEST(CommandLineParserTest, DumpIncludesTest) {
    EXPECT_EQ(parse({"-T", "-t"})->action, Action::dump);
    EXPECT_EQ(parse({"-T", "--format=yaml"})->format, "yaml");
    EXPECT_FALSE(parse({"--format=yaml"}));
    EXPECT_FALSE(parse({"-T", "--format=toml"}));
}

TEST(CommandLineParserTest, HelpMayHaveATopic) {
    EXPECT_EQ(parse({"--help"})->topic, "");
    EXPECT_EQ(parse({"--help", "gzip"})->topic, "gzip");
    EXPECT_EQ(parse({"--help"})->action, Action::manual);
    EXPECT_EQ(parse({"-h"})->action, Action::usage);
    EXPECT_EQ(parse({"-?"})->action, Action::usage);
}

TEST(CommandLineParserTest, OtherWordsAreACommand) {
    using Words = std::vector<std::string>;
    Result<CommandLine> line = parse({"upstream", "add", "-c", "a.conf", "node", "10.0.0.1", "-p/srv"});
    ASSERT_TRUE(line);
    EXPECT_EQ(line->action, Action::command);
    EXPECT_EQ(line->command, (Words{"upstream", "add", "node", "10.0.0.1"}));
    EXPECT_EQ(line->config, "a.conf");
    EXPECT_EQ(line->prefix, "/srv");
    EXPECT_EQ(parse({"upstream", "--json", "list"})->command, (Words{"upstream", "list", "--json"}));
    EXPECT_EQ(parse({"upstream", "list", "-h"})->command, (Words{"upstream"})) << "how it is used";
    EXPECT_FALSE(parse({"--json"}));
    EXPECT_FALSE(parse({"upstream", "list", "-t"}));
    Result<CommandLine> wrong = parse({"upsteam", "list"});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("did you mean \"upstream\"?"), std::string::npos);
}

TEST(CommandLineParserTest, SignalsAreChecked) {
    EXPECT_EQ(parse({"-s", "quit"})->signal, "quit");
    Result<CommandLine> wrong = parse({"-s", "relod"});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("did you mean \"reload\"?"), std::string::npos)
        << wrong.error().message;
}

TEST(CommandLineParserTest, WrongOnesAreErrors) {
    EXPECT_FALSE(parse({"-c"}));
    EXPECT_FALSE(parse({"-Z"}));
    EXPECT_FALSE(parse({"conf"}));
    EXPECT_FALSE(parse({"-"}));
    EXPECT_FALSE(parse({"--test=1"}));
    Result<CommandLine> wrong = parse({"--sigal", "stop"});
    ASSERT_FALSE(wrong);
    EXPECT_NE(wrong.error().message.find("did you mean \"--signal\"?"), std::string::npos)
        << wrong.error().message;
}

}  // namespace

}  // namespace berth

// The manual and the schema that come out of the rows.
#include "core/config/help.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/config/schema.hpp"
#include "test_grammar.hpp"

namespace berth::test {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Help, ListsDirectivesByBlock) {
    const std::string index = help_index(small_grammar());
    EXPECT_THAT(index, HasSubstr("In the main context\n"));
    EXPECT_THAT(index, HasSubstr("\nIn server\n"));
    EXPECT_THAT(index, HasSubstr("  listen                             Says something about the server.\n"));
    EXPECT_THAT(index, Not(HasSubstr("second sentence")));
    EXPECT_LT(index.find("In http"), index.find("In server"));
}

TEST(Help, PrintsADirective) {
    bool found = false;
    EXPECT_EQ(help_directive(small_grammar(), "gzip", found),
              "gzip\n"
              "    Syntax:   gzip on | off\n"
              "    Context:  http, server, location\n"
              "    Module:   small\n\n"
              "    Says something about the server. More is in the second sentence.\n");
    EXPECT_TRUE(found);
}

TEST(Help, PrintsEveryRowOfAName) {
    bool found = false;
    const std::string pages = help_directive(small_grammar(), "server", found);
    EXPECT_THAT(pages, HasSubstr("Syntax:   server { ... }"));
    EXPECT_THAT(pages, HasSubstr("Syntax:   server VALUE ..."));
    EXPECT_THAT(pages, HasSubstr("Repeats:"));
}

TEST(Help, ABlockHasOnePairOfBraces) {
    Directive rows[] = {block_row("site", in_main, in_http), block_row("when", in_main, in_http, {1, 1})};
    rows[0].usage = "{ … }";
    rows[1].usage = "(CONDITION)";
    const Module module{.name = "m", .directives = rows};
    const Module* const modules[] = {&module};
    const Grammar grammar(modules);
    bool found = false;
    EXPECT_THAT(help_directive(grammar, "site", found), HasSubstr("Syntax:   site { … }\n"));
    EXPECT_THAT(help_directive(grammar, "when", found), HasSubstr("Syntax:   when (CONDITION) { ... }\n"));
}

TEST(Help, SuggestsForUnknownNames) {
    bool found = true;
    EXPECT_THAT(help_directive(small_grammar(), "gzipp", found), HasSubstr("did you mean \"gzip\"?"));
    EXPECT_FALSE(found);
    EXPECT_THAT(help_directive(small_grammar(), "header", found), HasSubstr("add_header, proxy_set_header"));
    EXPECT_THAT(help_directive(small_grammar(), "scgi_pass", found), HasSubstr("nginx's module http_scgi"));
}

TEST(Help, WritesDefaultsAndUsage) {
    Directive row = word_row("keep", in_main, {1, 1}, false, Kind::duration);
    row.fallback = [](const Directive&) -> std::string { return "75s"; };
    const Directive rows[] = {row};
    const Module module{.name = "m", .directives = rows};
    const Module* const modules[] = {&module};
    const Grammar grammar(modules);
    bool found = false;
    EXPECT_THAT(help_directive(grammar, "keep", found),
                HasSubstr("Syntax:   keep TIME\n    Default:  keep 75s\n"));
    EXPECT_THAT(json_schema(grammar), HasSubstr("Syntax: keep TIME\\n\\nDefault: 75s"));
}

TEST(Schema, HasADefinitionForEachBlockAndAPropertyForEachRow) {
    const std::string schema = json_schema(small_grammar());
    EXPECT_THAT(schema, HasSubstr("\"$schema\":\"http://json-schema.org/draft-07/schema#\""));
    EXPECT_THAT(schema, HasSubstr("\"$server-5\":{\"type\":\"object\""));
    EXPECT_THAT(schema, HasSubstr("\"^location\\\\s+\\\\S\""));
    EXPECT_THAT(schema, HasSubstr("\"enum\":[\"epoll\",\"poll\"]}"));
    EXPECT_THAT(schema, HasSubstr("\"enum\":[true,false,\"on\",\"off\"]}"));
    EXPECT_THAT(schema, HasSubstr("\"^x-\""));
    for (const Directive& row : kSmallRows)
        EXPECT_THAT(schema, HasSubstr("\"" + std::string(row.name) + "\":{"));
}

}  // namespace
}  // namespace berth::test

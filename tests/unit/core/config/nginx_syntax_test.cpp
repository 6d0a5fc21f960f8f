// nginx's syntax: words, quotes, comments, blocks, and the blame for what is missing.
#include "core/config/nginx_syntax.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test_grammar.hpp"

namespace berth::test {
namespace {

using testing::HasSubstr;

TEST(NginxSyntax, ReadsDirectivesAndBlocks) {
    EXPECT_EQ(
        dump(nginx("worker_processes auto;\nevents { }\nhttp { server { listen 80; location = / { return "
                   "204; } } }")),
        "[worker_processes](auto);[events]{}[http]{[server]{[listen](80);[location](=)(/){[return](204);}}}");
}

TEST(NginxSyntax, ReadsTheProxySample) {
    const Reading reading = nginx(R"(http {
    upstream node {
        server 127.0.0.1:3000;
        keepalive 64;
    }
    server {
        listen 80;
        server_name example.com;
        location / {
            proxy_set_header Connection "";
            proxy_set_header Host $host;
            proxy_pass http://node;
        }
    }
})");
    EXPECT_EQ(dump(reading),
              "[http]{[upstream](node){[server](127.0.0.1:3000);[keepalive](64);}[server]{[listen](80);"
              "[server_name](example.com);[location](/){[proxy_set_header](Connection)();"
              "[proxy_set_header](Host)($host);[proxy_pass](http://node);}}}");
}

struct Case {
    const char* text;
    const char* tree;
};

class NginxWords : public testing::TestWithParam<Case> {};

TEST_P(NginxWords, AreCutAsNginxCutsThem) { EXPECT_EQ(dump(nginx(GetParam().text)), GetParam().tree); }

INSTANTIATE_TEST_SUITE_P(All, NginxWords,
                         testing::Values(Case{R"(a "b c" 'd e';)", "[a](b c)(d e);"},
                                         Case{R"(a "x\"y" 'x\'y' "\\";)", R"([a](x"y)(x'y)(\);)"},
                                         Case{R"(a "\t|\r|\n";)", "[a](\t|\r|\n);"},
                                         Case{R"(a \.php$ \d\;x;)", R"([a](\.php$)(\d\;x);)"},
                                         Case{R"(a b"c d'e;)", R"([a](b"c)(d'e);)"},
                                         Case{"a b#c; # end }{\nd;", "[a](b#c);[d];"},
                                         Case{"a ${b}c$d;", "[a](${b}c$d);"}, Case{"a \"\" '';", "[a]()();"},
                                         Case{"a b}c;", "[a](b}c);"}, Case{"\"\" x;", "[](x);"},
                                         Case{"a\n  b\r\n\tc;", "[a](b)(c);"},
                                         Case{R"(if ($x = "a") { })", "[if](($x)(=)(a)()){}"},
                                         Case{"a{b c;}", "[a]{[b](c);}"},
                                         Case{"\xEF\xBB\xBF"
                                              "a b;",
                                              "[a](b);"},
                                         Case{"", ""}, Case{"# only a comment", ""}));

TEST(NginxSyntax, RemembersQuotes) {
    const Reading reading = nginx(R"(a "if" if;)");
    EXPECT_TRUE(reading.tree.root.children[0].args[0].quoted);
    EXPECT_FALSE(reading.tree.root.children[0].args[1].quoted);
}

TEST(NginxSyntax, KnowsWhereWordsStand) {
    const Reading reading = nginx("\nhttp {\n  root  \"x y\";\n}");
    const Node& root = reading.tree.root.children[0].children[0];
    EXPECT_EQ(root.at.line, 3U);
    EXPECT_EQ(root.at.column, 3U);
    EXPECT_EQ(root.at.length, 4U);
    EXPECT_EQ(root.args[0].at.column, 9U);
    EXPECT_EQ(root.args[0].at.length, 5U);
}

class NginxErrors : public testing::TestWithParam<Case> {};

TEST_P(NginxErrors, AreBlamedOnTheRightPlace) {
    const Reading reading = nginx(GetParam().text);
    EXPECT_FALSE(reading.ok);
    EXPECT_THAT(reading.report(), HasSubstr(GetParam().tree));
}

INSTANTIATE_TEST_SUITE_P(
    All, NginxErrors,
    testing::Values(
        Case{"http {\n server {\n  listen 80\n  server_name x;\n }\n}",
             "nginx.conf:3:3: error: directive \"listen\" is not terminated by \";\"\n"
             "    3 |   listen 80\n"
             "      |   ^~~~~~~~~ add \";\" at its end\n"},
        Case{"http {\n server {\n  listen 80\n }\n}",
             "nginx.conf:3:3: error: directive \"listen\" is not terminated"},
        Case{"http {\n server {\n  root x\n  location / { }\n }\n}",
             "nginx.conf:3:3: error: directive \"root\""},
        Case{"worker_processes 1", "nginx.conf:1:1: error: directive \"worker_processes\" is not terminated"},
        Case{"http {\n server {\n", "nginx.conf:2:2: error: block \"server\" is never closed"},
        Case{"http {\n}\n}", "nginx.conf:3:1: error: unexpected \"}\""},
        Case{"a b;;", "nginx.conf:1:5: error: unexpected \";\""},
        Case{"a; {b;}", "nginx.conf:1:4: error: unexpected \"{\""},
        Case{
            "a 'b;\nc d;\n",
            "nginx.conf:1:3: error: this quote is never closed\n    1 | a 'b;\n      |   ^ its closing ' is"},
        Case{"http {\n location ~ ^/a{2,3}$ {\n }\n}",
             "nginx.conf:2:16: error: \"{2,3}\" would begin a block\n"
             "    2 |  location ~ ^/a{2,3}$ {\n"
             "      |                ^~~~~ put the whole regular expression in quotes\n"},
        Case{"map $a $b {\n ~^x{2}$ 1;\n}", "nginx.conf:2:5: error: \"{2}\" would begin a block"},
        Case{"a \"b\"c;", "nginx.conf:1:6: error: unexpected \"c\" behind a closing quote"}));

TEST(NginxSyntax, ShowsAllErrorsOfOneRun) {
    const Reading reading = nginx("http {\n server {\n  listen 80\n  root \"a\"b;\n }\n}\n}");
    EXPECT_EQ(reading.diagnostics.errors(), 3U);
}

TEST(NginxSyntax, ArgumentsOverSeveralLinesAreNoForgottenSemicolon) {
    EXPECT_EQ(dump(nginx("http {\n    log_format main '$a'\n    '$b'\n        root;\n}")),
              "[http]{[log_format](main)($a)($b)(root);}");
    EXPECT_EQ(dump(nginx("http { types {\n  text/html\n  root;\n} }")),
              "[http]{[types]{[text/html](root);}}");
}

TEST(NginxSyntax, RefusesEndlessNesting) {
    std::string deep;
    for (int i = 0; i < 100'000; ++i) deep += "a{";
    EXPECT_THAT(nginx(deep).report(), HasSubstr("nested more than 64 deep"));
    EXPECT_FALSE(nginx(std::string(100'000, '{')).ok);
}

}  // namespace
}  // namespace berth::test

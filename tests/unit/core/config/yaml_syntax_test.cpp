// YAML: every row of the table of what YAML values mean, and every trap with the line as it must be written.
#include "core/config/yaml_syntax.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/config/nginx_syntax.hpp"
#include "test_grammar.hpp"

namespace berth::test {
namespace {

using testing::HasSubstr;

struct Same {
    const char* yaml;
    const char* nginx;
};

class YamlMeans : public testing::TestWithParam<Same> {};

TEST_P(YamlMeans, TheSameTreeAsNginxSyntax) {
    EXPECT_EQ(dump(yaml(GetParam().yaml)), dump(nginx(GetParam().nginx)));
}

INSTANTIATE_TEST_SUITE_P(
    Scalars, YamlMeans,
    testing::Values(
        Same{"worker_processes: auto", "worker_processes auto;"},
        Same{"http: {server: {return: 200 \"hello\\n\"}}", "http { server { return 200 \"hello\\n\"; } }"},
        Same{"http: {server: {listen: 80 strategy=handoff}}",
             "http { server { listen 80 strategy=handoff; } }"},
        Same{"http: {server: {return: '200 \"a {b}; c\"'}}", "http { server { return 200 \"a {b}; c\"; } }"},
        Same{"http: {server: {return: \"200 a{b};c\"}}", "http { server { return 200 'a{b};c'; } }"},
        Same{"http:\n  server:\n    return: 200 $host", "http { server { return 200 $host; } }"},
        Same{"http:\n  log_format: >-\n    main '$a'\n    '$b c'", "http { log_format main '$a' '$b c'; }"},
        Same{"http:\n  log_format main: $a", "http { log_format main $a; }"},
        Same{"http: {server: {root: '\"\"'}}", "http { server { root \"\"; } }"},
        Same{"http: {root: \"\"}", "http { root \"\"; }"},
        Same{"http: {map $a $b: {default: \"\", \"\": ''}}",
             "http { map $a $b { default \"\"; \"\" \"\"; } }"},
        Same{"", ""}, Same{"# nothing\n", ""}, Same{"---\nworker_processes: 1\n...\n", "worker_processes 1;"},
        Same{"\xEF\xBB\xBFworker_processes: 1\r\n", "worker_processes 1;"}));

INSTANTIATE_TEST_SUITE_P(
    NullsAndFlags, YamlMeans,
    testing::Values(Same{"http: {upstream a: {ip_hash: }}", "http { upstream a { ip_hash; } }"},
                    Same{"http: {upstream a: {ip_hash: null}}", "http { upstream a { ip_hash; } }"},
                    Same{"http:\n  upstream a:\n    ip_hash:\n    keepalive: 1\n",
                         "http { upstream a { ip_hash; keepalive 1; } }"},
                    Same{"events: {}", "events { }"}, Same{"daemon: true", "daemon on;"},
                    Same{"daemon: false", "daemon off;"}, Same{"daemon: \"true\"", "daemon true;"},
                    Same{"daemon: yes", "daemon yes;"}, Same{"http: {root: true}", "http { root true; }"},
                    Same{"http: {root: 010}", "http { root 010; }"},
                    Same{"http: {gzip: on}", "http { gzip on; }"}));

INSTANTIATE_TEST_SUITE_P(
    Blocks, YamlMeans,
    testing::Values(Same{"http: {server: {location /api/: {internal: }}}",
                         "http { server { location /api/ { internal; } } }"},
                    Same{"http: {server: {location ~ \\.php$: {root: /x}}}",
                         "http { server { location ~ \\.php$ { root /x; } } }"},
                    Same{"http: {server: {location: {/api/: {root: a}, \"= /\": {root: b}}}}",
                         "http { server { location /api/ { root a; } location = / { root b; } } }"},
                    Same{"http: {upstream: {node: {server: [a, b weight=2]}}}",
                         "http { upstream node { server a; server b weight=2; } }"},
                    Same{"http: {upstream: [{a: {server: x}}, {b: {server: y}}]}",
                         "http { upstream a { server x; } upstream b { server y; } }"},
                    Same{"http: {server: [{listen: 80}, {listen: 81}, {}]}",
                         "http { server { listen 80; } server { listen 81; } server { } }"},
                    Same{"http: {server: {location /a: {location /a/b: {root: x}}}}",
                         "http { server { location /a { location /a/b { root x; } } } }"}));

INSTANTIATE_TEST_SUITE_P(
    Lists, YamlMeans,
    testing::Values(
        Same{"http: {server: {listen: [80, \"[::]:80\"]}}", "http { server { listen 80; listen [::]:80; } }"},
        Same{"http:\n  server:\n    listen:\n      - 80 default_server\n      - '[::]:80'\n",
             "http { server { listen 80 default_server; listen [::]:80; } }"},
        Same{"http: {gzip_types: [text/css, text/xml]}", "http { gzip_types text/css text/xml; }"},
        Same{"http:\n  gzip_types:\n    - text/css\n    - a b\n", "http { gzip_types text/css 'a b'; }"},
        Same{"http: {add_header: [[X-A, \"b c\", always]]}", "http { add_header X-A \"b c\" always; }"},
        Same{"http: {add_header: [[X-A, \"\\\"b\"], X-B c]}",
             "http { add_header X-A '\"b'; add_header X-B c; }"},
        Same{"http: {server: {listen: []}}", "http { server { } }"},
        Same{"http: {server: {return: [200, \"a b;\"]}}", "http { server { return 200 \"a b;\"; } }"}));

INSTANTIATE_TEST_SUITE_P(
    Maps, YamlMeans,
    testing::Values(
        Same{"http: {proxy_set_header: {X-Real-IP: $remote_addr, Connection: \"\"}}",
             "http { proxy_set_header X-Real-IP $remote_addr; proxy_set_header Connection \"\"; }"},
        Same{"http: {proxy_set_header: {X: a b}}", "http { proxy_set_header X \"a b\"; }"},
        Same{"http: {add_header: {X-A: [b, always], X-B: c}}",
             "http { add_header X-A b always; add_header X-B c; }"},
        Same{"http: {add_header: [{X-A: b}, {X-B: c}]}", "http { add_header X-A b; add_header X-B c; }"},
        Same{"http: {map $a $b: {default: 0, \"~^x y\": 1, hostnames: }}",
             "http { map $a $b { default 0; '~^x y' 1; hostnames; } }"},
        Same{"http: {map: {$a $b: {\"\": '\"x y\"', \"null\": 2}}}",
             "http { map $a $b { \"\" 'x y'; null 2; } }"},
        Same{"http: {map $a $b: {~: 1, null: 2, \"_\": 3, \"<<\": 4}}",
             "http { map $a $b { ~ 1; null 2; _ 3; << 4; } }"},
        Same{"http: {types: {text/html: html htm, image/png: [png]}}",
             "http { types { text/html html htm; image/png png; } }"}));

INSTANTIATE_TEST_SUITE_P(
    Order, YamlMeans,
    testing::Values(Same{"http: {_: [{deny: 10.0.0.1}, {allow: 10.0.0.0/8}, {deny: all}]}",
                         "http { deny 10.0.0.1; allow 10.0.0.0/8; deny all; }"},
                    Same{"http: {root: a, _: [{deny: x, allow: y}, {deny: z}], gzip: true}",
                         "http { root a; deny x; allow y; deny z; gzip on; }"},
                    Same{"http: {types: {a/b: c, _: [{d/e: f}, {a/b: g}]}}",
                         "http { types { a/b c; d/e f; a/b g; } }"}));

INSTANTIATE_TEST_SUITE_P(
    Anchors, YamlMeans,
    testing::Values(Same{"x-common: &common {root: /a, gzip: true}\nhttp: {server: [{<<: *common, listen: "
                         "80}, {<<: *common, root: /b}]}",
                         "http { server { root /a; gzip on; listen 80; } server { gzip on; root /b; } }"},
                    Same{"x-a: &a {root: /a}\nx-b: &b {root: /b, gzip: off}\nhttp: {<<: [*a, *b]}",
                         "http { root /a; gzip off; }"},
                    Same{"http: {server: {listen: &port 80, root: *port}}",
                         "http { server { listen 80; root 80; } }"},
                    Same{"x-list: &l [a, b]\nhttp: {gzip_types: *l}", "http { gzip_types a b; }"}));

struct Wrong {
    const char* yaml;
    const char* report;
};

class YamlRefuses : public testing::TestWithParam<Wrong> {};

TEST_P(YamlRefuses, AndSaysWhatToWrite) {
    const Reading reading = yaml(GetParam().yaml);
    EXPECT_FALSE(reading.ok) << dump(reading.tree.root);
    EXPECT_THAT(reading.report(), HasSubstr(GetParam().report));
}

INSTANTIATE_TEST_SUITE_P(
    Traps, YamlRefuses,
    testing::Values(Wrong{"http:\n  server:\n    listen: *:80\n",
                          "conf.yaml:3:13: error: \"*\" at the start of a value is an alias to YAML; the "
                          "value needs quotes\n"
                          "    3 |     listen: *:80\n"
                          "      |             ^~~~ write  listen: \"*:80\"\n"},
                    Wrong{"http:\n  server:\n    server_name: *.a.com\n", "write  server_name: \"*.a.com\""},
                    Wrong{"http:\n  server:\n    server_name: *a\n", "write  server_name: \"*a\""},
                    Wrong{"http:\n  server:\n    server_name: [a.com, *.a.com]\n",
                          "write  server_name: [a.com, \"*.a.com\"]"},
                    Wrong{"http:\n  server:\n    location:\n      @name:\n        root: x\n",
                          "conf.yaml:4:7: error: YAML has no plain text"},
                    Wrong{"http:\n  server:\n    location:\n      @name:\n        root: x\n",
                          "write  \"@name\":"},
                    Wrong{"http:\n  log_format: 'a' 'b'\n", "write  log_format: \"'a' 'b'\""},
                    Wrong{"http:\n  log_format: \"a\" \"b\"\n", "write  log_format: '\"a\" \"b\"'"},
                    Wrong{"http:\n  server:\n    listen: [::]:80\n", "write  listen: \"[::]:80\""},
                    Wrong{"http:\n  server:\n    listen:\n      - [::]:80\n", "write  - \"[::]:80\""},
                    Wrong{"http:\n  server:\n    listen:\n      - 80\n      - *:81\n", "write  - \"*:81\""},
                    Wrong{"http:\n  root: @x\n", "write  root: \"@x\""},
                    Wrong{"http:\n  root: !x y\n", "write  root: \"!x y\""},
                    Wrong{"http:\n  root: %x\n", "write  root: \"%x\""},
                    Wrong{"http:\n  root: `x\n", "write  root: \"`x\""},
                    Wrong{"http:\n  root: a: b\n", "write  root: \"a: b\""},
                    Wrong{"http:\n  root: &x\n", ""}));

INSTANTIATE_TEST_SUITE_P(
    Syntax, YamlRefuses,
    testing::Values(
        Wrong{"http:\n\tserver: {}\n", "conf.yaml:2:1: error: a tab in the indentation"},
        Wrong{"http:\n  root: a\n \tgzip: on\n", "a tab in the indentation"},
        Wrong{"http:\n  root: 'a\n  gzip: on\n", "conf.yaml:2:9: error: this quote is never closed"},
        Wrong{"http:\n  root: \"a\n", "conf.yaml:2:9: error: this quote is never closed"},
        Wrong{"http:\n  root: a 'b\n", "conf.yaml:2:11: error: this quote is never closed"},
        Wrong{"http:\n  root: a\n  root: b\n",
              "conf.yaml:3:3: error: the key \"root\" was written on line 2 already"},
        Wrong{"daemon: on\n---\ndaemon: off\n", "conf.yaml:2:1: error: a second document begins here"},
        Wrong{"- a\nb: c\n", "conf.yaml:2:1: error: not YAML"},
        Wrong{"- a\n", "a configuration is a map of directives"}, Wrong{"http: [a, b\n", "is not closed"},
        Wrong{"just text\n", "a configuration is a map"}, Wrong{"http: {? [a] : b}\n", "a key must be text"},
        Wrong{"http: *nobody\n", "write  http: \"*nobody\""},
        Wrong{"http: &a {server: *a}\n", "this alias stands inside the value that it names"},
        Wrong{"http: \xFF\n", "not a text file in UTF-8"}, Wrong{"http: {<<: x}\n", "\"<<\" takes a map"}));

INSTANTIATE_TEST_SUITE_P(
    Values, YamlRefuses,
    testing::Values(
        Wrong{"http:\n  root: /a;\n", "conf.yaml:2:11: error: YAML statements do not end in \";\""},
        Wrong{"http:\n  root:\n",
              "conf.yaml:2:3: error: \"root\" needs a value\n    2 |   root:\n      |   ^~~~ write  root: "
              "VALUE"},
        Wrong{"http:\n  gzip:\n", "write  gzip: true"},
        Wrong{"http:\n  client_max_body_size: ~\n", "null is none"},
        Wrong{"\"\": x\n", "a directive's name is missing"}, Wrong{"events:\n", "write  events: {}"},
        Wrong{"http: x\n", "\"http\" is a block: a map of directives, not text"},
        Wrong{"http:\n  server:\n    location:\n      root: x\n",
              "conf.yaml:4:7: error: \"location\" needs its arguments before its directives"},
        Wrong{"http: {server: [x]}\n", "each element is a map of directives"},
        Wrong{"http: {gzip_types: [[a]]}\n", "an argument of \"gzip_types\" is text, not a list"},
        Wrong{"http: {gzip_types: {a: b}}\n", "\"gzip_types\" is written once"},
        Wrong{"http: {gzip_types: [~]}\n", "null is no argument of \"gzip_types\""},
        Wrong{"http: {proxy_set_header: {Connection: }}\n", "write  Connection: \"\""},
        Wrong{"http: {proxy_set_header: {Connection: {a: b}}}\n", "takes text or a list, not a map"},
        Wrong{"http: {_: {deny: all}}\n", "\"_\" takes a list of statements"},
        Wrong{"http: {_: [x]}\n", "a statement in \"_\" is a map"},
        Wrong{"http: {map $a $b: {c: {d: e}}}\n", "stands among free words"},
        Wrong{"http: {root: '\"a\"b'}\n", "unexpected \"b\" behind a closing quote"},
        Wrong{"http: {root: !!str x}\n", "YAML tags mean nothing here"}));

TEST(YamlSyntax, KnowsWhereWordsStand) {
    const Reading reading = yaml("# \xC3\xA9\nhttp:\n  return: 200 \"a b\"\n  root: 'x y'\n");
    const Node& http = reading.tree.root.children[0];
    const Node& answer = http.children[0];
    EXPECT_EQ(answer.at.line, 3U);
    EXPECT_EQ(answer.at.column, 3U);
    EXPECT_EQ(answer.at.length, 6U);
    EXPECT_EQ(answer.args[1].at.column, 15U);
    EXPECT_EQ(answer.args[1].at.length, 5U);
    EXPECT_TRUE(answer.args[1].quoted);
    EXPECT_EQ(http.children[1].args[1].at.column, 12U);
}

TEST(YamlSyntax, HomesForAnchorsAreIgnoredAtTheTopOnly) {
    EXPECT_EQ(dump(yaml("x-a: {nonsense: [1, {}]}\nx-b:\n")), "");
    EXPECT_EQ(dump(yaml("http: {x-a: b}")), "[http]{[x-a](b);}");
}

TEST(YamlSyntax, AnUnknownDirectiveIsANodeWithoutChildren) {
    EXPECT_EQ(dump(yaml("htp: {sever: {}}\nfoo: a b\nbar: [x]")), "[htp]{}[foo](a)(b);[bar];");
}

TEST(YamlSyntax, DirectivesThatOnlyNginxHasAreReadByItsRules) {
    EXPECT_EQ(dump(yaml("http: {fastcgi_param: {A: b, C: [d, if_not_empty]}, proxy_buffering: true, "
                        "ssl_ciphers: [a, b]}")),
              "[http]{[fastcgi_param](A)(b);[fastcgi_param](C)(d)(if_not_empty);[proxy_buffering](on);[ssl_"
              "ciphers](a)(b);}");
}

std::string nested(std::size_t levels) {
    std::string text = "http: ";
    for (std::size_t i = 0; i < levels; ++i) text += "{a: ";
    return text + "x" + std::string(levels, '}');
}

TEST(YamlLimits, Levels) {
    EXPECT_TRUE(yaml(nested(kYamlMaxLevels - 1)).ok);
    EXPECT_THAT(yaml(nested(kYamlMaxLevels)).report(), HasSubstr("nested more than 64 deep"));
    EXPECT_FALSE(yaml("http: " + std::string(1'000'000, '[')).ok);
}

TEST(YamlLimits, Size) {
    EXPECT_THAT(yaml("#" + std::string(kYamlMaxBytes, ' ')).report(), HasSubstr("larger than 8 MiB"));
}

TEST(YamlLimits, Aliases) {
    std::string text = "x-a: &a 1\nhttp: {gzip_types: [";
    for (std::size_t i = 0; i < kYamlMaxAliases; ++i) text += "*a,";
    EXPECT_TRUE(yaml(text + "]}").ok);
    EXPECT_THAT(yaml(text + "*a]}").report(), HasSubstr("more than 10000 aliases"));
}

TEST(YamlLimits, ABombOfAliasesIsRefused) {
    std::string text = "x-0: &b0 {server: [{}]}\n";
    for (int i = 1; i < 12; ++i) {
        const std::string inner = "*b" + std::to_string(i - 1);
        text += "x-" + std::to_string(i) + ": &b" + std::to_string(i) + " {server: [";
        for (int j = 0; j < 10; ++j) text += inner + ", ";
        text += "{}]}\n";
    }
    const Reading reading = yaml(text + "http: *b11\n");
    EXPECT_THAT(reading.report(), HasSubstr("the aliases of this file stand for more than"));
    EXPECT_EQ(reading.diagnostics.errors(), 1U);
}

TEST(YamlLimits, AMergeBombIsRefused) {
    std::string text = "x-0: &b0 {root: x}\n";
    for (int i = 1; i < 12; ++i) {
        const std::string inner = "*b" + std::to_string(i - 1);
        text += "x-" + std::to_string(i) + ": &b" + std::to_string(i) + " {<<: [";
        for (int j = 0; j < 9; ++j) text += inner + ", ";
        text += inner + "]}\n";
    }
    EXPECT_THAT(yaml(text + "http: *b11\n").report(), HasSubstr("stand for more than"));
}

TEST(YamlSyntax, TenThousandServersAreOneTree) {
    std::string text = "http:\n  server:\n";
    for (int i = 0; i < 10'000; ++i) {
        text +=
            "    - listen: 80\n      server_name: s" + std::to_string(i) + "\n      location /: {root: /x}\n";
    }
    const Reading reading = yaml(text);
    ASSERT_TRUE(reading.ok) << reading.report();
    EXPECT_EQ(reading.tree.root.children[0].children.size(), 10'000U);
}

}  // namespace
}  // namespace berth::test

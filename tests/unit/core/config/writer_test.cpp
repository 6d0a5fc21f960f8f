// Writing: there and back in both syntaxes, for chosen trees and for thousands of random ones.
#include "core/config/writer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <random>

#include "core/config/words.hpp"
#include "core/config/yaml_text.hpp"
#include "test_grammar.hpp"

namespace berth::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kSample = R"(worker_processes auto;
http {
    upstream node { server 127.0.0.1:3000; server 127.0.0.1:3001 weight=2; ip_hash; }
    map $a $b { default 0; "~^/x y" 1; "" 2; hostnames; }
    server {
        listen 80; listen [::]:80;
        server_name *.a.com;
        gzip on;
        location / { proxy_set_header Connection ""; proxy_pass http://node; }
        location ~ "a{2}" { deny 10.0.0.1; allow 10.0.0.0/8; deny all; root /x; }
        location @back { }
    }
    server { return 200 "a b\n"; }
}
)";

std::string written(std::string_view text, Syntax syntax) {
    const Reading reading = nginx(std::string(text));
    const std::string all = write_config(reading.tree.root, syntax, small_grammar());
    return all.substr(all.find('\n') + 1);
}

TEST(Writer, SaysThatCommentsAreLost) {
    EXPECT_THAT(write_config(Node{}, Syntax::yaml, small_grammar()), StartsWith("# Written from"));
    EXPECT_THAT(write_config(Node{}, Syntax::nginx, small_grammar()), HasSubstr("comments are not kept"));
}

TEST(Writer, WritesNginxSyntax) {
    EXPECT_EQ(written("http{root 'a b';server{location ~ 'a{2}'{internal;}}events{}}", Syntax::nginx),
              R"(http {
    root "a b";
    server {
        location ~ "a{2}" {
            internal;
        }
    }
    events {
    }
}
)");
}

TEST(Writer, WritesYaml) {
    EXPECT_EQ(written(kSample, Syntax::yaml), R"y(worker_processes: auto
http:
  upstream node:
    server:
      - 127.0.0.1:3000
      - 127.0.0.1:3001 weight=2
    ip_hash:
  map $a $b:
    default: 0
    ~^/x y: 1
    "": 2
    hostnames:
  server:
    - listen:
        - 80
        - "[::]:80"
      server_name: "*.a.com"
      gzip: on
      location /:
        proxy_set_header: Connection ""
        proxy_pass: http://node
      location ~ "a{2}":
        deny: 10.0.0.1
        allow: 10.0.0.0/8
        _:
          - deny: all
            root: /x
      location @back: {}
    - return: 200 "a b\n"
)y");
}

TEST(Writer, TheSampleComesBack) {
    const Reading reading = nginx(std::string(kSample));
    for (const Syntax syntax : {Syntax::yaml, Syntax::nginx}) {
        const std::string text = write_config(reading.tree.root, syntax, small_grammar());
        EXPECT_EQ(dump(read(text, syntax)), dump(reading)) << text;
    }
}

constexpr auto kWords = std::to_array<std::string_view>({"",
                                                         " ",
                                                         "#",
                                                         "a#b",
                                                         "#a",
                                                         "{",
                                                         "}",
                                                         "a{b}",
                                                         "${x}",
                                                         "$x",
                                                         "\\${x}",
                                                         ";",
                                                         "a;",
                                                         "\"",
                                                         "'",
                                                         "a\"b",
                                                         "a'b",
                                                         "\"'",
                                                         "\\",
                                                         "\\\\",
                                                         "a\\",
                                                         "\\.",
                                                         "\\n",
                                                         "\n",
                                                         "a\nb",
                                                         "\t",
                                                         "\r",
                                                         "*",
                                                         "*.a.com",
                                                         "@x",
                                                         "&a",
                                                         "!b",
                                                         "-",
                                                         "- a",
                                                         "--",
                                                         "---",
                                                         ":",
                                                         "a: b",
                                                         "a:",
                                                         "::",
                                                         "[::]:80",
                                                         "[",
                                                         "]",
                                                         "{}",
                                                         "[]",
                                                         ",",
                                                         "true",
                                                         "false",
                                                         "null",
                                                         "~",
                                                         "on",
                                                         "010",
                                                         "%",
                                                         "`",
                                                         "|",
                                                         ">",
                                                         "?",
                                                         "? a",
                                                         "=",
                                                         "<<",
                                                         "_",
                                                         "\xC3\xA9",
                                                         "\xE2\x82\xAC x",
                                                         "a b",
                                                         "a # b",
                                                         "\x01",
                                                         "...",
                                                         "if",
                                                         "\\\"",
                                                         "\\'",
                                                         "a\\ b",
                                                         "$",
                                                         "${",
                                                         "x-y",
                                                         "default",
                                                         "(",
                                                         ")",
                                                         "\"a\"",
                                                         "'a' 'b'",
                                                         "\xF0\x9F\x98\x80"});

// Random trees of rows that exist, with words as nasty as they come.
class Trees {
 public:
    explicit Trees(unsigned seed) : random_(seed) {}

    Node root() {
        Node root;
        root.block = true;
        fill(root, Place{}, 0);
        return root;
    }
    std::string word() {
        if (below(4) != 0) return std::string(kWords[below(kWords.size())]);
        std::string word;
        for (std::size_t n = below(6); n > 0; --n) word += kWords[below(kWords.size())];
        return word;
    }

 private:
    std::size_t below(std::size_t n) { return std::uniform_int_distribution<std::size_t>(0, n - 1)(random_); }

    void fill(Node& into, Place place, std::size_t level) {
        const auto rows = small_grammar().in(place.context);
        for (std::size_t n = below(6); n > 0; --n) {
            Node node;
            if (place.data) {
                node.name = word();
                arguments(node, {0, 3});
            } else {
                const Directive& row = *rows[below(rows.size())];
                if (row.name == "include" || (row.is_block() && level > 4)) continue;
                node.name = row.name;
                node.block = row.is_block();
                arguments(node, row.arity);
                if (node.block) fill(node, Grammar::inside(&row), level + 1);
            }
            into.children.push_back(std::move(node));
        }
    }
    void arguments(Node& node, Arity arity) {
        const std::size_t most = std::min<std::size_t>(arity.most, arity.least + 3U);
        for (std::size_t n = arity.least + below(most - arity.least + 1); n > 0; --n) {
            node.args.push_back({word(), {}, below(3) == 0});
        }
    }

    std::mt19937 random_;
};

TEST(WriterProperty, EveryTreeComesBackInBothSyntaxes) {
    for (unsigned seed = 0; seed < 3000; ++seed) {
        const Node root = Trees(seed).root();
        for (const Syntax syntax : {Syntax::yaml, Syntax::nginx}) {
            const std::string text = write_config(root, syntax, small_grammar());
            ASSERT_EQ(dump(read(text, syntax)), dump(root)) << "seed " << seed << "\n" << text;
        }
    }
}

TEST(WriterProperty, WritingIsStable) {
    for (unsigned seed = 5000; seed < 5300; ++seed) {
        const Node root = Trees(seed).root();
        for (const Syntax syntax : {Syntax::yaml, Syntax::nginx}) {
            const std::string once = write_config(root, syntax, small_grammar());
            const Reading again = read(once, syntax);
            ASSERT_EQ(write_config(again.tree.root, syntax, small_grammar()), once);
        }
    }
}

TEST(WordsProperty, QuotedWordsAreCutToTheSameWord) {
    Trees trees(1);
    for (int i = 0; i < 20'000; ++i) {
        const std::string word = trees.word();
        for (const Punctuation punctuation : {Punctuation::special, Punctuation::ordinary}) {
            for (const bool force : {false, true}) {
                const std::string text = quote_word(word, punctuation, force);
                WordScanner scanner(text, punctuation);
                ASSERT_EQ(scanner.next(), Token::word) << text;
                ASSERT_EQ(scanner.word(), word) << text;
                ASSERT_EQ(scanner.next(), Token::end) << text;
            }
        }
    }
}

}  // namespace
}  // namespace berth::test

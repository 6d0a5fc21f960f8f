// Looking rows up, and the advice for names that are not there.
#include "core/config/grammar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "test_grammar.hpp"

namespace berth::test {
namespace {

using testing::HasSubstr;

TEST(Grammar, FindsRowsByNameAndContext) {
    const Grammar& grammar = small_grammar();
    EXPECT_EQ(grammar.find("server", in_http)->kind, Kind::block);
    EXPECT_EQ(grammar.find("server", in_upstream)->kind, Kind::text);
    EXPECT_EQ(grammar.find("server", in_location), nullptr);
    EXPECT_EQ(grammar.find("nothing", in_http), nullptr);
    EXPECT_EQ(grammar.named("server").size(), 2U);
    EXPECT_EQ(grammar.find_anywhere("ip_hash")->name, "ip_hash");
    for (const Directive& row : kSmallRows) {
        for (Context bit = 1; bit != 0; bit <<= 1) {
            const bool here = (row.contexts & bit) != 0;
            EXPECT_EQ(grammar.find(row.name, bit) == &row, here) << row.name;
        }
    }
}

TEST(Grammar, NamesBlocksAndContexts) {
    const Grammar& grammar = small_grammar();
    EXPECT_EQ(grammar.block_name(in_main), "the main context");
    EXPECT_EQ(grammar.block_name(in_server), "server");
    EXPECT_EQ(grammar.contexts_text(in_server | in_location), "server, location");
    EXPECT_EQ(grammar.contexts_text(in_main), "main");
    EXPECT_EQ(grammar.module_of(&kSmallRows[3])->name, "small");
    EXPECT_EQ(grammar.module_of(nullptr), nullptr);
}

TEST(Grammar, SuggestsFromTheBlockFirst) {
    const auto advice = small_grammar().unknown("proxy_passs", in_location);
    EXPECT_EQ(advice.message, "unknown directive \"proxy_passs\" in location");
    EXPECT_EQ(advice.hint, "did you mean \"proxy_pass\"?");
    EXPECT_EQ(small_grammar().unknown("lissten", in_location).hint,
              "did you mean \"listen\"? It belongs in server");
    EXPECT_EQ(small_grammar().unknown("qqqqqqqq", in_location).hint, "");
}

TEST(Grammar, SaysWhereADirectiveBelongs) {
    EXPECT_EQ(small_grammar().unknown("listen", in_location).message,
              "\"listen\" belongs in server, not in location");
    EXPECT_EQ(small_grammar().unknown("root", in_main).message,
              "\"root\" belongs in http, server, location, not in the main context");
}

TEST(Grammar, KnowsWhatNginxHasAndThisBuildLacks) {
    const auto advice = small_grammar().unknown("fastcgi_pass", in_location);
    EXPECT_EQ(advice.message, "\"fastcgi_pass\" is known to nginx, not in this build");
    EXPECT_EQ(advice.hint,
              "it is of nginx's module http_fastcgi; ./configure --help lists the modules there are");
    EXPECT_THAT(small_grammar().unknown("fastcgi_pas", in_location).hint,
                HasSubstr("nginx's \"fastcgi_pass\""));
}

TEST(KnownDirectives, AreSortedAndWellFormed) {
    const auto all = known_directives();
    EXPECT_GT(all.size(), 700U);
    std::set<std::pair<std::string_view, KnownBlocks>> seen;
    for (std::size_t i = 0; i < all.size(); ++i) {
        EXPECT_LE(all[i == 0 ? 0 : i - 1].name, all[i].name);
        EXPECT_FALSE(all[i].name.empty());
        EXPECT_NE(all[i].contexts, 0U) << all[i].name;
        EXPECT_LE(all[i].arity.least, all[i].arity.most);
        EXPECT_EQ(all[i].name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_"),
                  std::string_view::npos);
    }
    for (const KnownDirective& known : all) {
        for (const KnownDirective& other : find_known(known.name)) {
            const KnownBlocks shared = &other == &known ? 0 : known.contexts & other.contexts;
            EXPECT_EQ(shared, 0U) << known.name;
        }
    }
    EXPECT_TRUE(find_known("no_such_thing").empty());
}

}  // namespace
}  // namespace berth::test

// The walk over a tree: blocks, arity, duplicates, unknown names, and the paths of a cycle.
#include "core/config/loader.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "core/config/include.hpp"
#include "core/config/rows.hpp"
#include "core/cycle.hpp"

namespace berth {
namespace {

constexpr Context in_box = 1U << 24;

// What was applied, in order.
std::string applied;

void note(Loader&, const Directive&, const Node& node, void*) {
    applied += node.name;
    for (const Word& word : node.args) applied += "(" + word.text + ")";
    applied += ";";
}

void open_box(Loader& loader, const Node& node) {
    applied += "box{";
    Block block;
    block.context = in_box;
    loader.read_block(node, block);
    applied += "}";
}

constexpr Directive plain(std::string_view name, Context where, Arity arity) {
    Directive row;
    row.name = name;
    row.contexts = where;
    row.arity = arity;
    row.help = "Does something.";
    row.apply = note;
    return row;
}

constexpr Directive kRows[] = {
    rows::repeatable(
        rows::block<open_box>("box", in_main | in_box, in_box, {0, 1}, "[NAME] { … }", "A block.")),
    plain("none", in_box, {0, 0}),
    plain("one", in_main | in_box, {1, 1}),
    plain("range", in_box, {1, 3}),
    plain("many", in_box, {2, kAnyNumber}),
    rows::repeatable(plain("again", in_box, {1, 1})),
    rows::early(plain("first", in_box, {0, 0})),
};
constexpr Module kModule{.name = "loader_test", .directives = kRows};
constexpr const Module* kModules[] = {&kModule};

class LoaderTest : public ::testing::Test {
 protected:
    // Everything that was applied; the report when something was wrong.
    std::string load(std::string text) {
        applied.clear();
        diagnostics_ = std::make_unique<Diagnostics>();
        tree_ = std::make_unique<ConfigTree>();
        if (read_config_text("test.conf", std::move(text), Syntax::nginx, grammar_, *tree_, *diagnostics_)) {
            Loader loader(cycle_, grammar_, *diagnostics_);
            Block top;
            loader.read_block(tree_->root, top);
        }
        return diagnostics_->failed() ? diagnostics_->report("test.conf") : applied;
    }
    bool says(std::string text, std::string_view expected) {
        const std::string report = load(std::move(text));
        return diagnostics_->failed() && report.find(expected) != std::string::npos;
    }

    Cycle cycle_{CycleOptions{}};
    Grammar grammar_{kModules};
    std::unique_ptr<ConfigTree> tree_;
    std::unique_ptr<Diagnostics> diagnostics_;
};

TEST_F(LoaderTest, AppliesInOrderAndInDepth) {
    EXPECT_EQ(load("one a; box { none; box x { range 1 2 3; } one 'b c'; }"),
              "one(a);box{none;box{range(1)(2)(3);}one(b c);}");
}

TEST_F(LoaderTest, EarlyOnesComeFirst) {
    EXPECT_EQ(load("box { one a; first; none; }"), "box{first;one(a);none;}");
    EXPECT_TRUE(says("box { first; none; first; }", "\"first\" is duplicate"));
}

TEST_F(LoaderTest, Arity) {
    EXPECT_TRUE(says("box { none x; }", "takes no arguments, not 1"));
    EXPECT_TRUE(says("one;", "takes exactly 1 argument, not 0"));
    EXPECT_TRUE(says("box { range a b c d; }", "takes from 1 to 3 arguments, not 4"));
    EXPECT_TRUE(says("box { many a; }", "takes at least 2 arguments, not 1"));
    EXPECT_TRUE(says("box a b { }", "usage: box [NAME] { … }"));
}

TEST_F(LoaderTest, Shapes) {
    EXPECT_TRUE(says("box;", "has no block"));
    EXPECT_TRUE(says("one a { }", "takes no block"));
}

TEST_F(LoaderTest, DuplicatesOfOneBlock) {
    EXPECT_TRUE(says("one a;\none b;", "directive \"one\" is duplicate"));
    EXPECT_NE(diagnostics_->report("test.conf").find("first written at test.conf:1"), std::string::npos);
    EXPECT_EQ(load("one a; box { one b; } box { one c; again x; again y; }"),
              "one(a);box{one(b);}box{one(c);again(x);again(y);}");
}

TEST_F(LoaderTest, UnknownAndMisplacedNames) {
    EXPECT_TRUE(says("box { rnage 1; }", "did you mean \"range\"?"));
    EXPECT_TRUE(says("range 1;", "range"));
    EXPECT_EQ(applied, "");
}

TEST_F(LoaderTest, AllProblemsAreReportedAtOnce) {
    const std::string report = load("one; box { none x; range; nobody; } one a { }");
    EXPECT_NE(report.find("5 errors"), report.npos) << report;
}

TEST(CyclePaths, AreBelowThePrefixOrBesideTheFile) {
    CycleOptions options;
    options.prefix = "/srv/berth";
    options.conf_path = "/etc/berth/main.conf";
    const Cycle cycle(options);
    EXPECT_EQ(cycle.prefix(), "/srv/berth/");
    EXPECT_EQ(cycle.conf_folder(), "/etc/berth/");
    EXPECT_EQ(cycle.below_prefix("logs/a.log"), "/srv/berth/logs/a.log");
    EXPECT_EQ(cycle.below_prefix("/var/a.log"), "/var/a.log");
    EXPECT_EQ(cycle.below_conf("cert.pem"), "/etc/berth/cert.pem");
    EXPECT_EQ(cycle.below_conf("/cert.pem"), "/cert.pem");
}

TEST(CyclePaths, AFileWithoutAFolderIsHere) {
    CycleOptions options;
    options.conf_path = "main.conf";
    EXPECT_EQ(Cycle(options).conf_folder(), "./");
}

}  // namespace
}  // namespace berth

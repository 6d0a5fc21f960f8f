// Every kind of row: what it takes, what it says when that is wrong, what it inherits and what its default
// is.
#include "core/config/rows.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "core/cycle.hpp"

namespace berth {
namespace {

using namespace rows;
using std::chrono::milliseconds;

constexpr Context anywhere = 1U << 24;

enum class Color : std::uint8_t { red, green };
constexpr std::string_view kColors[] = {"red", "green"};

struct Conf {
    Setting<std::uint64_t> most{0};
    Setting<bool> on{false};
    Setting<std::uint16_t> count{3};
    Setting<std::int64_t> level{0};
    Setting<std::size_t> bytes{4096};
    Setting<milliseconds> time{milliseconds(1500)};
    Setting<Color> color{Color::red};
    Setting<std::string> name{std::string("none")};
    Setting<std::vector<std::string>> list;
    Setting<std::vector<std::string>> added;
    Setting<Value> value;
};

void add_word(Loader&, const Node& node, Setting<std::vector<std::string>>& setting) {
    setting.edit().push_back(node.args[0].text);
}

constexpr Directive kRows[] = {
    flag<&Conf::on>("on", anywhere, "A flag."),
    number<&Conf::count>("count", anywhere, "A number.", {1, 100'000}),
    number<&Conf::level>("level", anywhere, "A number.", {-5, 5}),
    size<&Conf::bytes>("bytes", anywhere, "A size.", {512, 1 << 20}),
    number<&Conf::most>("most", anywhere, "A number without an upper limit.", {1}),
    duration<&Conf::time>("time", anywhere, "A time.", {1}),
    choice<&Conf::color>("color", anywhere, kColors, "A word."),
    text<&Conf::name>("name", anywhere, "A text."),
    words<&Conf::list>("list", anywhere, "Texts."),
    repeatable(custom<&Conf::added, add_word>("add", anywhere, {1, 1}, "WORD", "One more.")),
    value<&Conf::value>("value", anywhere, "A text with variables."),
};

const Directive& row_of(std::string_view name) { return *std::ranges::find(kRows, name, &Directive::name); }

class RowsTest : public ::testing::Test {
 protected:
    // Applies a directive to `conf`; true when nothing was wrong with it.
    bool apply(Conf& conf, std::string_view name, const std::vector<std::string>& words) {
        Node node;
        node.name = std::string(name);
        for (const std::string& word : words) node.args.push_back({word, {}});
        diagnostics_ = std::make_unique<Diagnostics>();
        Loader loader(cycle_, grammar_, *diagnostics_);
        loader.use_variables(&variables_);
        const Directive& row = row_of(name);
        row.apply(loader, row, node, &conf);
        return !diagnostics_->failed();
    }
    std::string report() const { return diagnostics_->report("test.conf"); }
    // What is said about a wrong word, which must leave the setting as it was.
    std::string wrong(std::string_view name, const std::string& word) {
        Conf conf;
        EXPECT_FALSE(apply(conf, name, {word})) << word;
        EXPECT_NE(report().find("invalid value \"" + word + "\" in \"" + std::string(name) + "\""),
                  std::string::npos);
        return report();
    }
    bool says(std::string_view name, const std::string& word, std::string_view hint) {
        return wrong(name, word).find(hint) != std::string::npos;
    }

    Cycle cycle_{CycleOptions{}};
    Grammar grammar_{std::span<const Module* const>()};
    Variables variables_;
    std::unique_ptr<Diagnostics> diagnostics_;
};

TEST_F(RowsTest, Flags) {
    Conf conf;
    EXPECT_FALSE(conf.on.is_set());
    EXPECT_TRUE(apply(conf, "on", {"on"}));
    EXPECT_TRUE(*conf.on);
    EXPECT_TRUE(apply(conf, "on", {"off"}));
    EXPECT_FALSE(*conf.on);
    EXPECT_TRUE(conf.on.is_set());
    EXPECT_TRUE(says("on", "yes", "\"on\" or \"off\""));
    EXPECT_TRUE(apply(conf, "on", {"On"})) << "as nginx takes it";
    EXPECT_TRUE(*conf.on);
    EXPECT_TRUE(apply(conf, "on", {"OFF"}));
    EXPECT_FALSE(*conf.on);
}

TEST_F(RowsTest, Numbers) {
    Conf conf;
    EXPECT_TRUE(apply(conf, "count", {"1"}));
    EXPECT_EQ(*conf.count, 1);
    EXPECT_TRUE(apply(conf, "count", {"65535"}));
    EXPECT_EQ(*conf.count, 65535);
    EXPECT_TRUE(apply(conf, "level", {"-5"}));
    EXPECT_EQ(*conf.level, -5);
    // The type's own limit is one, too.
    EXPECT_TRUE(says("count", "65536", "from 1 to 65535"));
    EXPECT_TRUE(says("count", "0", "from 1 to 65535"));
    EXPECT_TRUE(says("level", "-6", "from -5 to 5"));
    EXPECT_TRUE(says("most", "0", "at least 1 is allowed"));
    for (const char* text : {"", "1k", "0x1", "1.5", " 1", "99999999999999999999"}) {
        EXPECT_TRUE(says("count", text, "a whole number is expected")) << text;
    }
}

TEST_F(RowsTest, Sizes) {
    Conf conf;
    EXPECT_TRUE(apply(conf, "bytes", {"512"}));
    EXPECT_EQ(*conf.bytes, 512U);
    EXPECT_TRUE(apply(conf, "bytes", {"8K"}));
    EXPECT_EQ(*conf.bytes, 8192U);
    EXPECT_TRUE(apply(conf, "bytes", {"1m"}));
    EXPECT_EQ(*conf.bytes, 1U << 20);
    EXPECT_TRUE(says("bytes", "511", "from 512 to 1m"));
    EXPECT_TRUE(says("bytes", "1025k", "from 512 to 1m"));
    EXPECT_TRUE(says("bytes", "1x", "a size is expected"));
    EXPECT_TRUE(says("bytes", "-1", "a size is expected"));
    EXPECT_TRUE(says("bytes", "99999999999g", "a size is expected"));
}

TEST_F(RowsTest, Durations) {
    Conf conf;
    EXPECT_TRUE(apply(conf, "time", {"2"}));
    EXPECT_EQ(*conf.time, milliseconds(2000));
    EXPECT_TRUE(apply(conf, "time", {"1h30m"}));
    EXPECT_EQ(*conf.time, milliseconds(5'400'000));
    EXPECT_TRUE(apply(conf, "time", {"1ms"}));
    EXPECT_EQ(*conf.time, milliseconds(1));
    EXPECT_TRUE(says("time", "0", "from 1ms to 3660d"));
    EXPECT_TRUE(says("time", "1x", "a time is expected"));
}

TEST_F(RowsTest, ChoicesTextsAndValues) {
    Conf conf;
    EXPECT_TRUE(apply(conf, "color", {"green"}));
    EXPECT_EQ(*conf.color, Color::green);
    EXPECT_TRUE(apply(conf, "color", {"RED"}));
    EXPECT_EQ(*conf.color, Color::red);
    EXPECT_TRUE(says("color", "blue", "it is one of: red, green"));
    EXPECT_TRUE(apply(conf, "name", {"$any {thing}"}));
    EXPECT_EQ(*conf.name, "$any {thing}");
    EXPECT_TRUE(apply(conf, "list", {"a", "b c"}));
    EXPECT_EQ(*conf.list, (std::vector<std::string>{"a", "b c"}));
    EXPECT_TRUE(apply(conf, "value", {"$host-x"}));
    EXPECT_EQ(conf.value->source(), "$host-x");
    EXPECT_FALSE(apply(conf, "value", {"${"}));
    EXPECT_NE(report().find("invalid variable name"), std::string::npos);
}

TEST_F(RowsTest, DefaultsAsTheyAreWritten) {
    auto fallback = [](std::string_view name) { return row_of(name).fallback(row_of(name)); };
    EXPECT_EQ(fallback("on"), "off");
    EXPECT_EQ(fallback("count"), "3");
    EXPECT_EQ(fallback("bytes"), "4k");
    EXPECT_EQ(fallback("time"), "1500ms");
    EXPECT_EQ(fallback("color"), "red");
    EXPECT_EQ(fallback("name"), "none");
    EXPECT_EQ(size_text(0), "0");
    EXPECT_EQ(size_text(3 << 20), "3m");
    EXPECT_EQ(size_text(1025), "1025");
    EXPECT_EQ(duration_text(0), "0");
    EXPECT_EQ(duration_text(86'400'000), "1d");
    EXPECT_EQ(duration_text(90'000), "90s");
}

// What each block says holds there and inside; what a list says replaces the outer one as a whole.
TEST_F(RowsTest, InheritanceOverThreeLevels) {
    Conf outer;
    Conf middle;
    Conf inner;
    ASSERT_TRUE(apply(outer, "count", {"10"}) && apply(outer, "on", {"on"}) && apply(outer, "add", {"a"}));
    ASSERT_TRUE(apply(outer, "add", {"b"}) && apply(middle, "count", {"20"}) && apply(inner, "add", {"c"}));
    ASSERT_TRUE(apply(inner, "on", {"off"}));
    for (const Directive& row : kRows) row.inherit(&middle, &outer);
    for (const Directive& row : kRows) row.inherit(&inner, &middle);
    EXPECT_EQ(*outer.count, 10);
    EXPECT_EQ(*middle.count, 20);
    EXPECT_EQ(*inner.count, 20);
    EXPECT_TRUE(*middle.on);
    EXPECT_FALSE(*inner.on);
    EXPECT_EQ(*middle.added, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(*inner.added, (std::vector<std::string>{"c"}));
    EXPECT_EQ(*inner.bytes, 4096U);
    EXPECT_FALSE(inner.bytes.is_set());
}

}  // namespace
}  // namespace berth

// Texts with variables: what compiles, what does not, and what they come to.
#include "core/value/value.hpp"

#include <gtest/gtest.h>

#include <array>

#include "core/config/diagnostics.hpp"

namespace berth {
namespace {

struct Host final : VariableHost {
    explicit Host(Arena& arena) : VariableHost(arena) {}
    void on_match_limit(std::string_view) override {}
    int computed = 0;
};

VariableText text_of(VariableHost& host, std::uintptr_t data) {
    ++static_cast<Host&>(host).computed;
    return {reinterpret_cast<const char*>(data), true};
}
VariableText nothing(VariableHost&, std::uintptr_t) { return VariableText::missing(); }

class ValueTest : public ::testing::Test {
 protected:
    ValueTest() {
        define("a", "A");
        define("long_name1", "L");
        variables_.define("none", nothing);
    }
    void define(std::string_view name, const char* text, Caching caching = Caching::once) {
        variables_.define(name, text_of, reinterpret_cast<std::uintptr_t>(text), caching);
    }
    Value compile(std::string_view text) {
        Result<Value> value = Value::compile(text, &variables_, {});
        EXPECT_TRUE(value.ok()) << text;
        return value ? *value : Value();
    }
    Host& host() {
        if (!host_) {
            Diagnostics diagnostics;
            variables_.check(diagnostics);
            host_ = std::make_unique<Host>(arena_);
            host_->use_variables(variables_);
        }
        return *host_;
    }
    std::string eval(std::string_view text) {
        const Value value = compile(text);
        return std::string(value.eval(host()));
    }

    Arena arena_;
    Variables variables_;
    std::unique_ptr<Host> host_;
};

TEST_F(ValueTest, ConstantsAreTheirOwnText) {
    const Value value = compile("plain {text} with % and \\");
    EXPECT_TRUE(value.is_constant());
    EXPECT_EQ(value.constant(), "plain {text} with % and \\");
    EXPECT_EQ(value.eval(host()).data(), value.constant().data());
    EXPECT_STREQ(value.eval_c_str(host()), value.constant().c_str());
    EXPECT_TRUE(Value().empty());
    EXPECT_TRUE(compile("").empty());
    EXPECT_FALSE(value.empty());
}

TEST_F(ValueTest, NamesEndWhereTheyMust) {
    const Value all = compile("<$a-${a}b$long_name1.$a$a>");
    const Value braces = compile("${long_name1}2");
    EXPECT_EQ(all.eval(host()), "<A-AbL.AA>");
    EXPECT_EQ(braces.eval(host()), "L2");
    EXPECT_EQ(all.source(), "<$a-${a}b$long_name1.$a$a>");
    EXPECT_FALSE(all.is_constant());
    EXPECT_STREQ(all.eval_c_str(host()), "<A-AbL.AA>");
}

TEST_F(ValueTest, Captures) {
    const Value value = compile("$1x$2y${1}0$9$0");
    EXPECT_TRUE(value.uses_captures());
    EXPECT_FALSE(compile("$a").uses_captures());
    EXPECT_EQ(value.eval(host()), "xy0");
    const std::array<std::string_view, 3> captures{"whole", "one", "two"};
    host().set_captures(captures);
    EXPECT_EQ(value.eval(host()), "onextwoyone0whole");
    EXPECT_EQ(compile("$12").eval(host()), "one2");
}

TEST_F(ValueTest, WrongOnesAreErrors) {
    for (const std::string_view text : {"$", "a$", "$ a", "${a", "${}", "$-", "$$a", "${a b}"}) {
        EXPECT_FALSE(Value::compile(text, &variables_, {}).ok()) << text;
    }
    EXPECT_FALSE(Value::compile("$a", nullptr, {}).ok());
    EXPECT_TRUE(Value::compile("no variables", nullptr, {}).ok());
}

TEST_F(ValueTest, MissingStandsAlone) {
    const Value alone = compile("$none");
    const Value joined = compile("<$none>");
    EXPECT_FALSE(alone.eval_or_missing(host()).found);
    EXPECT_EQ(alone.eval(host()), "");
    EXPECT_TRUE(joined.eval_or_missing(host()).found);
    EXPECT_EQ(joined.eval_or_missing(host()).text, "<>");
}

TEST_F(ValueTest, ComputedOnceOrEachTime) {
    define("again", "x", Caching::never);
    const Value once = compile("$a$a$a");
    const Value each = compile("$again$again");
    EXPECT_EQ(once.eval(host()), "AAA");
    EXPECT_EQ(host().computed, 1);
    EXPECT_EQ(each.eval(host()), "xx");
    EXPECT_EQ(host().computed, 3);
    host().forget(variables_.find_index("a"));
    EXPECT_EQ(once.eval(host()), "AAA");
    EXPECT_EQ(host().computed, 4);
}

TEST_F(ValueTest, AssignedOnesKeepTheirValue) {
    const Value value = compile("$a");
    host().assign(variables_.find_index("a"), "set");
    EXPECT_EQ(value.eval(host()), "set");
    EXPECT_EQ(host().variable("a").text, "set");
    EXPECT_FALSE(host().variable("unheard-of").found);
    EXPECT_EQ(host().variable("long_name1").text, "L");  // defined, though no text uses it
}

TEST_F(ValueTest, AVariableInsideItsOwnComputationIsMissing) {
    variables_.define("self", [](VariableHost& own, std::uintptr_t) -> VariableText {
        return {own.variable("self").found ? "found" : "missing", true};
    });
    const Value value = compile("$self");
    EXPECT_EQ(value.eval(host()), "missing");
}

TEST_F(ValueTest, PrefixesGetTheRestOfTheName) {
    variables_.define_prefix("arg_", [](VariableHost&, std::uintptr_t data) -> VariableText {
        return {reinterpret_cast<const char*>(data), true};
    });
    define("arg_special", "own");
    const Value value = compile("$arg_x $arg_special");
    EXPECT_EQ(value.eval(host()), "x own");
}

TEST_F(ValueTest, UnknownNamesAreReportedWithTheNearest) {
    variables_.index("long_name2");
    variables_.index("arg_");
    Diagnostics diagnostics;
    variables_.check(diagnostics);
    const std::string report = diagnostics.report("conf");
    EXPECT_TRUE(diagnostics.failed());
    EXPECT_NE(report.find("unknown variable \"$long_name2\""), report.npos);
    EXPECT_NE(report.find("did you mean \"$long_name1\"?"), report.npos);
    EXPECT_NE(report.find("\"$arg_\""), report.npos);
}

TEST_F(ValueTest, LaterDefinitionsReplaceEarlierOnes) {
    const Value value = compile("$a $late");
    define("a", "second");
    define("late", "L");
    EXPECT_EQ(value.eval(host()), "second L");
}

}  // namespace
}  // namespace berth

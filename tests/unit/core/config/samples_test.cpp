// Realistic configurations in both syntaxes: both files of a pair are the same tree, and survive conversion.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <vector>

#include "core/config/writer.hpp"
#include "test_grammar.hpp"

namespace berth::test {
namespace {

// The folder of the samples, whatever folder the tests are run from.
std::filesystem::path samples() {
    const std::filesystem::path here = __FILE__;
    return here.parent_path() / "../../../data/nginx";
}

std::vector<std::string> names() {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(samples())) {
        if (entry.path().extension() == ".conf") found.push_back(entry.path().stem().string());
    }
    std::sort(found.begin(), found.end());
    return found;
}

Reading read_sample(const std::string& file) {
    Reading reading;
    reading.ok =
        read_config((samples() / file).string(), {}, nginx_grammar(), reading.tree, reading.diagnostics);
    return reading;
}

class Samples : public testing::TestWithParam<std::string> {};

TEST_P(Samples, AreTheSameTreeInBothSyntaxes) {
    const Reading conf = read_sample(GetParam() + ".conf");
    ASSERT_TRUE(conf.ok) << conf.report();
    EXPECT_FALSE(conf.tree.root.children.empty());
    EXPECT_EQ(dump(read_sample(GetParam() + ".yaml")), dump(conf));
}

TEST_P(Samples, SurviveConversion) {
    const Reading conf = read_sample(GetParam() + ".conf");
    for (const Syntax syntax : {Syntax::yaml, Syntax::nginx}) {
        const std::string text = write_config(conf.tree.root, syntax, nginx_grammar());
        EXPECT_EQ(dump(read(text, syntax, nginx_grammar())), dump(conf)) << text;
    }
}

// Every directive of the samples is where nginx allows it, so the samples are what they claim to be.
void expect_known(const std::vector<Node>& nodes, Place place) {
    for (const Node& node : nodes) {
        const Directive* row = place.data ? nullptr : nginx_grammar().find(node.name, place.context);
        if (!place.data) {
            ASSERT_NE(row, nullptr) << node.name;
            EXPECT_EQ(row->is_block(), node.block) << node.name;
            EXPECT_GE(node.args.size(), row->arity.least) << node.name;
            EXPECT_LE(node.args.size(), row->arity.most) << node.name;
        }
        expect_known(node.children, Grammar::inside(row));
    }
}

TEST_P(Samples, HoldDirectivesWhereTheyBelong) {
    expect_known(read_sample(GetParam() + ".conf").tree.root.children, Place{});
}

INSTANTIATE_TEST_SUITE_P(All, Samples, testing::ValuesIn(names()));

TEST(SamplesFolder, HasFifteen) { EXPECT_GE(names().size(), 15U); }

}  // namespace
}  // namespace berth::test

// The prefix tree against a search through all keys.
#include "core/text/prefix_map.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace berth {
namespace {

std::string random_text(std::mt19937& random, std::size_t longest) {
    std::string text(random() % (longest + 1), ' ');
    for (char& c : text) c = "/ab"[random() % 3];
    return text;
}

TEST(PrefixMap, AgreesWithASearchThroughAllKeys) {
    for (unsigned seed = 0; seed < 200; ++seed) {
        SCOPED_TRACE(seed);
        std::mt19937 random(seed);
        PrefixMap<int> tree;
        std::map<std::string, int> keys;
        for (int i = 0; i < 40; ++i) {
            const std::string key = random_text(random, 8);
            ASSERT_EQ(tree.insert(key, i).second, keys.emplace(key, i).second);
        }
        EXPECT_EQ(tree.size(), keys.size());
        for (int i = 0; i < 100; ++i) {
            const std::string text = random_text(random, 12);
            const std::pair<const std::string, int>* best = nullptr;
            std::size_t prefixes = 0;
            for (const auto& entry : keys) {
                if (!text.starts_with(entry.first)) continue;
                ++prefixes;
                if (best == nullptr || entry.first.size() > best->first.size()) best = &entry;
            }
            const auto match = tree.longest(text);
            ASSERT_EQ(static_cast<bool>(match), best != nullptr) << text;
            if (best != nullptr) {
                ASSERT_EQ(*match.value, best->second);
                ASSERT_EQ(match.length, best->first.size());
            }
            std::size_t visited = 0;
            tree.visit(text, [&](int, std::size_t) { ++visited; });
            ASSERT_EQ(visited, prefixes);
            ASSERT_EQ(tree.find(text) != nullptr, keys.contains(text));
        }
    }
}

TEST(PrefixMap, ValuesStayWhereTheyAre) {
    PrefixMap<int> tree;
    int* value = tree.insert("/images/", 1).first;
    tree.insert("/im", 2);
    tree.insert("/images/large", 3);
    EXPECT_EQ(tree.find("/images/"), value);
    EXPECT_EQ(tree.longest("/images/x").value, value);
    EXPECT_EQ(*tree.longest("/imag").value, 2);
    EXPECT_FALSE(tree.longest("/x"));
}

}  // namespace
}  // namespace berth

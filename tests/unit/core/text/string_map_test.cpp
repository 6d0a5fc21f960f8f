// Case-insensitive maps, the growing one and the compiled one.
#include "core/text/string_map.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth {
namespace {

constexpr auto kMethods =
    fixed_string_map<int>({{"GET", 1}, {"HEAD", 2}, {"POST", 3}, {"Content-Length", 4}});
static_assert(*kMethods.find("get") == 1);
static_assert(*kMethods.find("content-LENGTH") == 4);
static_assert(kMethods.find("PUT") == nullptr);
static_assert(kMethods.find("") == nullptr);

TEST(StringMap, KeepsEverythingWhileGrowing) {
    StringMap<int> map;
    EXPECT_EQ(map.find("x"), nullptr);
    const int* first = map.insert("Name-0", 0).first;
    for (int i = 1; i < 5000; ++i) EXPECT_TRUE(map.insert("Name-" + std::to_string(i), i).second);
    EXPECT_EQ(map.size(), 5000u);
    for (int i = 0; i < 5000; ++i) {
        const int* value = map.find("nAME-" + std::to_string(i));
        ASSERT_NE(value, nullptr);
        EXPECT_EQ(*value, i);
    }
    EXPECT_EQ(map.find("name-0"), first);
    EXPECT_EQ(map.find("name-5000"), nullptr);
}

TEST(StringMap, TheFirstValueStays) {
    StringMap<std::string> map;
    EXPECT_TRUE(map.insert("Host", "a").second);
    const auto [value, fresh] = map.insert("HOST", "b");
    EXPECT_FALSE(fresh);
    EXPECT_EQ(*value, "a");
    EXPECT_EQ(map.begin()->first, "host");
    EXPECT_TRUE(map.insert("", "empty").second);
    EXPECT_EQ(*map.find(""), "empty");
}

}  // namespace
}  // namespace berth

// Server names: kinds, precedence, borders.
#include "core/text/name_map.hpp"

#include <gtest/gtest.h>

namespace berth {
namespace {

TEST(NameMap, KindsOfPatterns) {
    EXPECT_EQ(name_kind("example.com"), NameKind::exact);
    EXPECT_EQ(name_kind(""), NameKind::exact);
    EXPECT_EQ(name_kind("_"), NameKind::exact);
    EXPECT_EQ(name_kind("*.example.com"), NameKind::leading);
    EXPECT_EQ(name_kind(".example.com"), NameKind::both);
    EXPECT_EQ(name_kind("www.example.*"), NameKind::trailing);
    for (const char* bad :
         {"*", "*.", ".", ".*", "*.*", "w*.com", "*w.com", "www.*.com", "a..b", "*..a", "www.*m", "*.a.*"}) {
        EXPECT_EQ(name_kind(bad), NameKind::invalid) << bad;
    }
}

int lookup(const NameMap<int>& map, std::string_view name) {
    const int* found = map.find(name);
    return found == nullptr ? 0 : *found;
}

TEST(NameMap, PrecedenceIsExactThenLongestLeadingThenLongestTrailing) {
    NameMap<int> map;
    EXPECT_TRUE(map.insert("www.example.com", 1));
    EXPECT_TRUE(map.insert("*.example.com", 2));
    EXPECT_TRUE(map.insert("*.b.example.com", 3));
    EXPECT_TRUE(map.insert("www.*", 4));
    EXPECT_TRUE(map.insert("www.example.*", 5));
    EXPECT_TRUE(map.insert(".org", 6));
    EXPECT_FALSE(map.insert("WWW.example.com", 9));
    EXPECT_FALSE(map.insert("*.org", 9));

    EXPECT_EQ(lookup(map, "www.example.com"), 1);
    EXPECT_EQ(lookup(map, "WWW.Example.COM"), 1);
    EXPECT_EQ(lookup(map, "x.example.com"), 2);
    EXPECT_EQ(lookup(map, "a.x.example.com"), 2);
    EXPECT_EQ(lookup(map, "a.b.example.com"), 3);
    EXPECT_EQ(lookup(map, "b.example.com"), 2);
    EXPECT_EQ(lookup(map, "example.com"), 0);
    EXPECT_EQ(lookup(map, "www.example.net"), 5);
    EXPECT_EQ(lookup(map, "www.example.co.uk"), 5);
    EXPECT_EQ(lookup(map, "www.other.net"), 4);
    EXPECT_EQ(lookup(map, "www"), 0);
    EXPECT_EQ(lookup(map, "www."), 0);
    EXPECT_EQ(lookup(map, ".example.com"), 0);
    EXPECT_EQ(lookup(map, "org"), 6);
    EXPECT_EQ(lookup(map, "www.x.org"), 6);
    EXPECT_EQ(lookup(map, ""), 0);
}

}  // namespace
}  // namespace berth

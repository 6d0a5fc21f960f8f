// Intrusive lists.
#include "core/memory/intrusive_list.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace berth {
namespace {

struct Item {
    explicit Item(char c) : name(c) {}
    char name;
    ListHook first;
    ListHook second;
};
using First = IntrusiveList<Item, &Item::first>;
using Second = IntrusiveList<Item, &Item::second>;

template <class List>
std::string show(const List& list) {
    std::string out;
    for (const Item& item : list) out += item.name;
    return out;
}

TEST(IntrusiveList, PushesPopsAndMoves) {
    Item a('a'), b('b'), c('c');
    First list;
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.pop_front(), nullptr);
    list.push_back(a);
    list.push_back(b);
    list.push_front(c);
    EXPECT_EQ(show(list), "cab");
    list.push_front(c);
    EXPECT_EQ(show(list), "cab") << "the first one may be put first again";
    list.push_back(c);
    EXPECT_EQ(show(list), "abc");
    First::insert_before(b, c);
    EXPECT_EQ(show(list), "acb");
    EXPECT_EQ(list.pop_back(), &b);
    EXPECT_EQ(list.front(), &a);
    EXPECT_EQ(list.size(), 2u);
}

TEST(IntrusiveList, DestroyedElementsLeave) {
    First list;
    auto a = std::make_unique<Item>('a');
    auto b = std::make_unique<Item>('b');
    list.push_back(*a);
    list.push_back(*b);
    a.reset();
    EXPECT_EQ(show(list), "b");
    b.reset();
    EXPECT_TRUE(list.empty());
}

TEST(IntrusiveList, ADestroyedListLetsItsElementsGo) {
    Item a('a');
    {
        First list;
        list.push_back(a);
        EXPECT_TRUE(a.first.linked());
    }
    EXPECT_FALSE(a.first.linked());
}

TEST(IntrusiveList, HooksAreIndependentAndListsJoin) {
    Item a('a'), b('b');
    First one;
    First other;
    Second second;
    one.push_back(a);
    other.push_back(b);
    second.push_front(a);
    second.push_front(b);
    one.splice_back(other);
    EXPECT_EQ(show(one), "ab");
    EXPECT_TRUE(other.empty());
    EXPECT_EQ(show(second), "ba");
    other.splice_back(one);
    EXPECT_EQ(show(other), "ab");
}

}  // namespace
}  // namespace berth

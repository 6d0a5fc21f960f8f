// Which peers a request has tried.
#include "modules/upstream/selection.hpp"

#include <set>

#include "tests/unit/modules/upstream/upstream_fixture.hpp"

namespace berth::upstream {
namespace {

TEST(PeerIdsTest, AreAsManyAsThereAre) {
    PeerIds ids;
    for (std::uint64_t id = 200; id > 100; id -= 2) ids.insert(id);
    for (std::uint64_t id = 101; id <= 200; ++id) EXPECT_EQ(ids.contains(id), id % 2 == 0) << id;
    EXPECT_FALSE(ids.contains(100));
}

using SelectionTest = UpstreamTest;

TEST_F(SelectionTest, EachPeerIsGivenOnce) {
    start(servers(std::vector<std::uint32_t>(100, 1)));
    Selection selection(worker(), nullptr, nullptr);
    std::set<int> given;
    for (int i = 0; i < 100; ++i) given.insert(number_of(selection.try_acquire()));
    EXPECT_EQ(given.size(), 100U);
    EXPECT_EQ(selection.try_acquire().refusal(), Refusal::no_live_peers);
}

// It has the index of one that was tried and is gone.
TEST_F(SelectionTest, APeerThatWasAddedMeanwhileHasNotBeenTried) {
    start(servers({1, 1}));
    Selection selection(worker(), nullptr, nullptr);
    Lease first = selection.try_acquire();
    ASSERT_EQ(number_of(first), 1);
    first.end();
    ASSERT_TRUE(group().remove_peer("10.0.0.1:80").ok());
    ASSERT_TRUE(group().add_peer(*Address::parse("10.0.0.3:80"), {}, worker().now()).ok());
    ASSERT_EQ(group().roster().members[1].peer->index, 0U);
    std::set<int> others;
    for (int i = 0; i < 2; ++i) {
        const Lease next = selection.try_acquire();
        ASSERT_TRUE(next);
        others.insert(number_of(next));
    }
    EXPECT_EQ(others, (std::set{2, 3}));
    EXPECT_FALSE(selection.try_acquire());
}

}  // namespace
}  // namespace berth::upstream

// Clients that stay with their peer.
#include "modules/upstream/sticky.hpp"

#include <set>

#include "modules/upstream/route.hpp"
#include "tests/unit/modules/upstream/configured_fixture.hpp"

namespace berth::upstream {
namespace {

class StickyTest : public ConfiguredTest {
 protected:
    StickyTest() {
        protocol_.variables.define("cookie_srv", test::get_member<&test::TestHost::b>, 0, Caching::never);
    }
    // What a client with that cookie is told.
    std::string told(const char* cookie) {
        Asked asked(*this, "", cookie);
        Lease given = asked.lease();
        return std::string(given.cookie(asked.host.arena()));
    }
};

constexpr const char* kTwo = "server 10.0.0.1:80 route=one; server 10.0.0.2:80 route=two;";

TEST_F(StickyTest, ACookieBindsAndIsToldOnce) {
    serve(std::string("sticky cookie srv path=/ secure httponly samesite=lax; ") + kTwo);
    EXPECT_EQ(told(""), "srv=one; path=/; secure; httponly; samesite=lax");
    EXPECT_EQ(told("one"), "");
    EXPECT_EQ(told("two"), "");
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("", "two"), 2);
    EXPECT_EQ(told("three"), "srv=two; path=/; secure; httponly; samesite=lax") << "nobody has that route";
}

TEST_F(StickyTest, WithoutARouteThereIsOneOfTheAddress) {
    serve("sticky cookie srv; server 10.0.0.1:80; server 10.0.0.2:80;");
    const std::string second = route_of("10.0.0.2:80");
    EXPECT_EQ(second.size(), 32U);
    EXPECT_NE(second, route_of("10.0.0.1:80"));
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("", second.c_str()), 2);
    EXPECT_EQ(told(""), "srv=" + route_of("10.0.0.1:80"));
}

TEST_F(StickyTest, ALifetimeIsWrittenTwice) {
    serve(std::string("sticky cookie srv expires=1h; ") + kTwo);
    const std::string cookie = told("");
    EXPECT_TRUE(cookie.starts_with("srv=one; expires=")) << cookie;
    EXPECT_TRUE(cookie.ends_with(" GMT; max-age=3600")) << cookie;
}

TEST_F(StickyTest, WhoIsBoundToAFailedPeerIsBoundToAnother) {
    serve(std::string("sticky cookie srv; ") + kTwo);
    fail(2);
    EXPECT_EQ(ask("", "two"), 1);
    EXPECT_EQ(told("two"), "srv=one");
}

TEST_F(StickyTest, DrainingKeepsItsOwnAndTakesNoOther) {
    serve("sticky route $b; server 10.0.0.1:80 route=one drain; server 10.0.0.2:80 route=two;");
    EXPECT_EQ(ask("", ""), 2);
    EXPECT_EQ(ask("", ""), 2);
    EXPECT_EQ(ask("", "one"), 1);
}

TEST_F(StickyTest, TheFirstRouteThatIsNotEmptyCounts) {
    serve(std::string("sticky route $a $b; ") + kTwo);
    EXPECT_EQ(ask("two", "one"), 2);
    EXPECT_EQ(ask("", "two"), 2);
    EXPECT_EQ(told("two"), "") << "only cookies are told";
}

// What is kept of a peer is there still: a request is under way.
TEST_F(StickyTest, WhoIsAddedAgainUnderAnotherRouteHasThatOne) {
    serve(std::string("sticky cookie srv; ") + kTwo);
    Asked asked(*this, "", "one");
    const Lease under_way = asked.lease();
    ASSERT_EQ(number_of(under_way), 1);
    ASSERT_TRUE(group().remove_peer("10.0.0.1:80").ok());
    ASSERT_TRUE(group().add_peer(*Address::parse("10.0.0.1:80"), {}, worker().now(), "new").ok());
    EXPECT_EQ(ask("", "new"), 1);
    EXPECT_EQ(told("new"), "");
    const std::set<std::string> all = {told(""), told("")};
    EXPECT_EQ(all, (std::set<std::string>{"srv=new", "srv=two"}));
}

TEST_F(StickyTest, StickyGoesBeforeEveryBalancer) {
    serve(std::string("hash $a; sticky route $b; ") + kTwo);
    EXPECT_EQ(ask("x", "one"), 1);
    EXPECT_EQ(ask("x", "two"), 2);
}

TEST_F(StickyTest, SessionsAreLearnt) {
    serve(std::string("sticky learn create=$a lookup=$b zone=sessions:64k timeout=10s header; ") + kTwo);
    Asked first(*this, "sid1");
    Lease given = first.lease();
    const int home = number_of(given);
    given.learn(first.host);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask("", "sid1"), home);
    EXPECT_EQ(current_->sticky->sessions->size(), 1U);
    Asked nothing(*this, "");
    nothing.lease().learn(nothing.host);
    EXPECT_EQ(current_->sticky->sessions->size(), 1U) << "no session, nothing to learn";
}

class SessionsTest : public testing::Test {
 protected:
    std::unique_ptr<Sessions> sessions_ = *Sessions::create(*open_zone("sessions under test", 64 * 1024));
    Arena arena_;
};

TEST_F(SessionsTest, LiveFromUseToUse) {
    ASSERT_TRUE(sessions_->store("s", "one", 1000, 10s));
    EXPECT_EQ(sessions_->find("s", arena_, 10000, 10s), "one");
    EXPECT_EQ(sessions_->find("s", arena_, 19999, 10s), "one");
    EXPECT_EQ(sessions_->find("t", arena_, 19999, 10s), "");
    EXPECT_EQ(sessions_->find("s", arena_, 29999, 10s), "");
    EXPECT_EQ(sessions_->size(), 0U);
    ASSERT_TRUE(sessions_->store("s", "one", 1000, 10s));
    ASSERT_TRUE(sessions_->store("s", "two", 1000, 10s));
    EXPECT_EQ(sessions_->find("s", arena_, 1000, 10s), "two");
    EXPECT_EQ(sessions_->size(), 1U);
}

TEST_F(SessionsTest, AFullZoneForgetsTheLeastUsed) {
    ASSERT_TRUE(sessions_->store("kept", "one", 0, 1h));
    for (int i = 0; i < 2000; ++i) {
        ASSERT_TRUE(sessions_->store("session" + std::to_string(i), "two", 0, 1h));
        EXPECT_EQ(sessions_->find("kept", arena_, 0, 1h), "one");
        arena_.release();
    }
    EXPECT_GT(sessions_->evicted(), 0U);
    EXPECT_EQ(sessions_->size() + sessions_->evicted(), 2001U);
    EXPECT_EQ(sessions_->find("session0", arena_, 0, 1h), "");
    EXPECT_EQ(sessions_->find("session1999", arena_, 0, 1h), "two");
    EXPECT_FALSE(sessions_->store(std::string(100000, 'x'), "two", 0, 1h));
}

}  // namespace
}  // namespace berth::upstream

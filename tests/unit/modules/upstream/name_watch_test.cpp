// Tests of names in an upstream: which peers they become, and what stays when DNS changes its mind or fails.
#include "modules/upstream/name_watch.hpp"

#include <algorithm>

#include "modules/upstream/resolvers.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/unit/modules/upstream/upstream_fixture.hpp"

namespace berth::upstream {
namespace {

using berth::test::DnsServer;
using Manner = DnsServer::Manner;
using Names = std::vector<std::string>;

class NameWatchTest : public UpstreamTest {
 protected:
    NameWatchTest() {
        options_.options.servers = {*Address::parse(dns_.address())};
        options_.options.valid = 50ms;
        options_.options.patience = 100ms;
    }
    ~NameWatchTest() override { watch_.reset(); }

    static Server named(const std::string& host, const std::string& service = {}) {
        Server made;
        made.name = made.host = host;
        made.service = service;
        made.port = 80;
        made.resolve = true;
        return made;
    }
    // Everything but the lookups.
    void prepare(std::vector<Server> all) {
        make(std::move(all));
        upstream_->resolver = &options_;
        upstream_->resolver_timeout = 2s;
        UpstreamTest::start();
        resolver_ = std::move(*Resolver::create(*loop_, options_.options, counters_));
        watch_ = std::make_unique<NameWatch>(*loop_, *upstream_, owner(), nullptr, nullptr);
        watch_->use(*resolver_);
    }
    void watch(std::vector<Server> all) {
        prepare(std::move(all));
        watch_->start();
    }
    Names peers() {
        Names all;
        for (const PeerView& peer : group().view(0)) all.push_back(peer.name);
        std::ranges::sort(all);
        return all;
    }
    bool become(const Names& expected) {
        return run_until([&] { return peers() == expected; });
    }
    NameState state() { return group().names().front().state; }

    DnsServer dns_;
    ResolverConf options_;
    ResolverCounters counters_;
    std::unique_ptr<Resolver> resolver_;
    std::unique_ptr<NameWatch> watch_;
};

TEST_F(NameWatchTest, PeersAreTheAddressesAndFollowThem) {
    dns_.set("a.test", {"10.0.0.1", "10.0.0.2", "::1"});
    watch({named("a.test"), server("10.0.0.9:80")});
    EXPECT_EQ(peers(), (Names{"10.0.0.9:80"}));
    ASSERT_TRUE(become({"10.0.0.1:80", "10.0.0.2:80", "10.0.0.9:80", "[::1]:80"}));
    dns_.set("a.test", {"10.0.0.2", "10.0.0.3"});
    ASSERT_TRUE(become({"10.0.0.2:80", "10.0.0.3:80", "10.0.0.9:80"}));
    EXPECT_TRUE(watch_->settled());
}

TEST_F(NameWatchTest, WhatStaysKeepsItsState) {
    dns_.set("a.test", {"10.0.0.1", "10.0.0.2"});
    watch({named("a.test")});
    ASSERT_TRUE(become({"10.0.0.1:80", "10.0.0.2:80"}));
    ASSERT_TRUE(group().report_health("10.0.0.2:80", Health::unhealthy, "ill", worker().now()));
    dns_.set("a.test", {"10.0.0.2", "10.0.0.3"});
    ASSERT_TRUE(become({"10.0.0.2:80", "10.0.0.3:80"}));
    const auto all = group().view(worker().now());
    const auto stayed = std::ranges::find(all, "10.0.0.2:80", &PeerView::name);
    EXPECT_EQ(stayed->condition, Condition::unhealthy);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(next(), 3);
}

TEST_F(NameWatchTest, FailuresChangeNothing) {
    dns_.set("a.test", {"10.0.0.1"});
    watch({named("a.test")});
    ASSERT_TRUE(become({"10.0.0.1:80"}));
    for (const Manner manner : {Manner::fails, Manner::silent, Manner::garbles}) {
        dns_.behave("a.test", manner);
        const std::uint64_t before = state().failures;
        ASSERT_TRUE(run_until([&] { return state().failures >= before + 2; }));
        EXPECT_EQ(peers(), (Names{"10.0.0.1:80"}));
    }
    EXPECT_GT(state().in_row, 3U);
    EXPECT_EQ(state().absent, 0U);
    dns_.behave("a.test", Manner::normal);
    ASSERT_TRUE(run_until([&] { return state().in_row == 0; }));
    EXPECT_STREQ(state().complaint.data(), "");
}

TEST_F(NameWatchTest, OnlyANameThatIsGoneTwiceGoes) {
    dns_.set("a.test", {"10.0.0.1"});
    watch({named("a.test")});
    ASSERT_TRUE(become({"10.0.0.1:80"}));
    dns_.remove("a.test");
    ASSERT_TRUE(run_until([&] { return state().absent >= 1; }));
    EXPECT_EQ(peers().size(), state().absent == 1 ? 1U : 0U);
    ASSERT_TRUE(become({}));
    EXPECT_GE(state().absent, 2U);
    EXPECT_EQ(next(), 0);
    dns_.set("a.test", {"10.0.0.4"});
    ASSERT_TRUE(become({"10.0.0.4:80"}));
}

TEST_F(NameWatchTest, TheFamilyThatCouldNotBeLookedUpStays) {
    dns_.set("a.test", {"10.0.0.1", "::1"});
    watch({named("a.test")});
    ASSERT_TRUE(become({"10.0.0.1:80", "[::1]:80"}));
    dns_.behave("a.test", DnsServer::Type::aaaa, Manner::fails);
    dns_.set("a.test", {"10.0.0.2"});
    ASSERT_TRUE(run_until([&] { return std::ranges::count(peers(), "10.0.0.2:80") == 1; }));
    EXPECT_EQ(std::ranges::count(peers(), "[::1]:80"), 1);
    dns_.behave("a.test", DnsServer::Type::aaaa, Manner::normal);
    ASSERT_TRUE(become({"10.0.0.2:80"}));
}

TEST_F(NameWatchTest, ServicesHavePortsWeightsAndBackups) {
    dns_.set("x.test", {"10.0.0.1"});
    dns_.set("y.test", {"10.0.0.2", "10.0.0.3"});
    dns_.set_services("_http._tcp.a.test", {{1, 3, 81, "x.test"}, {2, 0, 82, "y.test"}});
    watch({named("_http._tcp.a.test", "http")});
    ASSERT_TRUE(become({"10.0.0.1:81", "10.0.0.2:82", "10.0.0.3:82"}));
    for (const PeerView& peer : group().view(0)) {
        const bool first = peer.name == "10.0.0.1:81";
        EXPECT_EQ(peer.parameters.backup, !first);
        EXPECT_EQ(peer.parameters.weight, first ? 3U : 1U);
    }
    // A host that cannot be looked up takes nothing away; a weight that changes is taken over.
    dns_.behave("y.test", Manner::fails);
    dns_.set_services("_http._tcp.a.test", {{1, 5, 81, "x.test"}, {2, 0, 82, "y.test"}});
    ASSERT_TRUE(run_until([&] {
        const auto all = group().view(0);
        return std::ranges::count(all, 5U, [](const PeerView& peer) { return peer.parameters.weight; }) == 1;
    }));
    EXPECT_EQ(peers().size(), 3U);
}

TEST_F(NameWatchTest, AServiceHasNoMoreAddressesThanAName) {
    options_.options.addresses = 3;
    dns_.set("x.test", {"10.0.0.1", "10.0.0.2"});
    dns_.set("y.test", {"10.0.0.3", "10.0.0.4"});
    dns_.set_services("_http._tcp.a.test", {{1, 1, 80, "x.test"}, {1, 1, 80, "y.test"}});
    watch({named("_http._tcp.a.test", "http")});
    ASSERT_TRUE(run_until([&] { return counters_.dropped > 0; }));
    ASSERT_TRUE(become({"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"}));
}

TEST_F(NameWatchTest, OneOfAllLooksUpUntilItIsGone) {
    prepare({named("a.test")});
    std::atomic<std::uint64_t> other = 7;
    const std::uint64_t now = worker().now();
    EXPECT_TRUE(group().claim_names({&other, 7}, now, now + 1'000'000));
    EXPECT_FALSE(group().claim_names(owner(), now, now + 1000));
    EXPECT_TRUE(group().claim_names({&other, 7}, now, now + 1'000'000)) << "it is its own already";
    other = 0;  // it died
    EXPECT_TRUE(group().claim_names(owner(), now, now + 1000));
    other = 7;
    EXPECT_FALSE(group().claim_names({&other, 7}, now, now + 1000));
    EXPECT_TRUE(group().claim_names({&other, 7}, now + 1001, now + 2000)) << "the first one hangs";
}

TEST_F(NameWatchTest, ANewGenerationKnowsWhatTheOldOneFound) {
    dns_.set("a.test", {"10.0.0.1", "10.0.0.2"});
    watch({named("a.test")});
    ASSERT_TRUE(become({"10.0.0.1:80", "10.0.0.2:80"}));
    Upstream second("u");
    second.servers = {named("b.test"), named("a.test")};
    second.resolver = &options_;
    ASSERT_TRUE(second.prepare("test", 2).ok());
    EXPECT_EQ(second.group().addresses_of(0).size(), 0U);
    EXPECT_EQ(second.group().addresses_of(1).size(), 2U);
    EXPECT_TRUE(second.group().names_settled());
    EXPECT_EQ(second.group().name_due(1), 0U);
}

TEST_F(NameWatchTest, RequestsWaitUntilEveryNameWasTried) {
    prepare({named("a.test")});
    EXPECT_FALSE(watch_->settled());
    Root<> root;
    root.start(watch_->wait(scope_), Continuation([](void*) {}, nullptr));
    loop_->run_once(Duration(20));
    EXPECT_TRUE(root.running());
    watch_->start();
    EXPECT_TRUE(run_until([&] { return !root.running(); }));
    EXPECT_TRUE(watch_->settled());
    EXPECT_EQ(state().lookups, 1U);
}

TEST_F(NameWatchTest, EndingWhileALookupIsUnderWay) {
    dns_.behave("a.test", Manner::silent);
    watch({named("a.test")});
    ASSERT_TRUE(run_until([&] { return dns_.asked("a.test") > 0; }));
    watch_.reset();
    loop_->run_once(Duration(0));
    EXPECT_EQ(peers(), Names{});
}

}  // namespace
}  // namespace berth::upstream

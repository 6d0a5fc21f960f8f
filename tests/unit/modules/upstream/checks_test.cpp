// Active checks in shared memory: whose turn it is, and what their results do to a peer.
#include "modules/upstream/health.hpp"
#include "tests/unit/modules/upstream/upstream_fixture.hpp"

namespace berth::upstream {
namespace {

using Claim = PeerGroup::Claim;

class ChecksTest : public UpstreamTest {
 protected:
    void begin(const CheckRules& rules, std::uint64_t generation = 1) {
        rules_ = rules;
        group().begin_checks(generation, rules, worker().now());
        // A worker of a reload takes the checks over.
        if (generation > 1) group().claim_checks(owner(), generation, worker().now(), worker().now() + 5000);
    }
    // Starts two peers that this worker checks by these rules.
    void check(CheckRules rules) {
        rules.on = true;
        start(servers({1, 1}));
        begin(rules);
        ASSERT_EQ(group().claim_checks(owner(), 1, 1000, 6000), Claim::taken);
    }
    Change record(int number, std::string_view complaint) {
        return group().record_check(owner(), "10.0.0." + std::to_string(number) + ":80", complaint, rules_,
                                    worker().now());
    }
    Change pass(int number) { return record(number, ""); }
    Change fail(int number) { return record(number, "status 500"); }

    CheckRules rules_;
    std::atomic<std::uint64_t> other_alive_ = 2;
    const Owner other_{&other_alive_, 2};
};

TEST_F(ChecksTest, OneWorkerOfAllChecks) {
    start(servers({1}));
    EXPECT_EQ(group().claim_checks(owner(), 1, 1000, 6000), Claim::taken);
    EXPECT_EQ(group().claim_checks(other_, 1, 2000, 7000), Claim::refused);
    EXPECT_EQ(group().claim_checks(owner(), 1, 3000, 8000), Claim::held);
}

TEST_F(ChecksTest, TheTurnIsLostByBeingLate) {
    start(servers({1}));
    ASSERT_EQ(group().claim_checks(owner(), 1, 1000, 6000), Claim::taken);
    EXPECT_EQ(group().claim_checks(other_, 1, 5999, 9000), Claim::refused);
    EXPECT_EQ(group().claim_checks(other_, 1, 6000, 9000), Claim::taken);
    EXPECT_EQ(group().claim_checks(owner(), 1, 6001, 9000), Claim::refused);
}

TEST_F(ChecksTest, TheTurnIsLostByDying) {
    start(servers({1}));
    ASSERT_EQ(group().claim_checks(other_, 1, 1000, 6000), Claim::taken);
    EXPECT_EQ(group().claim_checks(owner(), 1, 1001, 6001), Claim::refused);
    other_alive_ = 0;
    EXPECT_EQ(group().claim_checks(owner(), 1, 1002, 6002), Claim::taken);
}

TEST_F(ChecksTest, TheTurnIsLostToAYoungerGenerationOnly) {
    start(servers({1}));
    ASSERT_EQ(group().claim_checks(owner(), 2, 1000, 6000), Claim::taken);
    EXPECT_EQ(group().claim_checks(other_, 1, 1001, 6001), Claim::refused);
    EXPECT_EQ(group().claim_checks(other_, 2, 1002, 6002), Claim::refused);
    EXPECT_EQ(group().claim_checks(other_, 3, 1003, 6003), Claim::taken);
}

TEST_F(ChecksTest, OnlyWhoseTurnItIsIsBelieved) {
    check({});
    EXPECT_EQ(group().record_check(other_, "10.0.0.1:80", "ill", rules_, worker().now()), Change::none);
    EXPECT_EQ(condition(1), Condition::up);
    EXPECT_EQ(view(1).checks.total, 0U);
    EXPECT_EQ(group().record_check(owner(), "10.0.0.7:80", "ill", rules_, worker().now()), Change::none);
    EXPECT_EQ(fail(1), Change::taken_out);
    EXPECT_EQ(condition(1), Condition::unhealthy);
    EXPECT_EQ(view(1).reason, "health check: status 500");
    EXPECT_EQ(spread(4), (std::map<int, int>{{2, 4}}));
}

// What it still finds out must not be said of peers that nobody will check any more.
TEST_F(ChecksTest, AnOlderGenerationIsNotBelievedOnceAYoungerBegins) {
    check({.fails = 1});
    group().begin_checks(2, {}, 10'000);
    EXPECT_EQ(fail(1), Change::none);
    EXPECT_EQ(view(1).health, Health::unknown);
    EXPECT_EQ(group().claim_checks(owner(), 1, 1'000'000, 2'000'000), Claim::refused);
    group().begin_checks(1, {.on = true, .mandatory = true}, 1'000'000);
    EXPECT_EQ(view(1).health, Health::unknown);
    EXPECT_EQ(group().claim_checks(owner(), 2, 1'000'001, 2'000'000), Claim::taken);
    EXPECT_EQ(fail(1), Change::taken_out);
}

TEST_F(ChecksTest, SoManyInARowCount) {
    check({.fails = 3, .passes = 2});
    EXPECT_EQ(fail(1), Change::none);
    EXPECT_EQ(fail(1), Change::none);
    EXPECT_EQ(pass(1), Change::none) << "begins to count anew";
    EXPECT_EQ(fail(1), Change::none);
    EXPECT_EQ(fail(1), Change::none);
    EXPECT_EQ(fail(1), Change::taken_out);
    EXPECT_EQ(pass(1), Change::none);
    EXPECT_EQ(fail(1), Change::none) << "it is out already";
    EXPECT_EQ(pass(1), Change::none);
    EXPECT_EQ(pass(1), Change::came_back);
    EXPECT_EQ(condition(1), Condition::up);
    EXPECT_EQ(view(1).checks.total, 10U);
    EXPECT_EQ(view(1).checks.failed, 6U);
    EXPECT_EQ(view(1).checks.passes_in_row, 2U);
    EXPECT_STREQ(view(1).checks.complaint.data(), "");
}

TEST_F(ChecksTest, AnOnlyPeerIsTakenOutToo) {
    start(servers({1}));
    begin({.on = true});
    ASSERT_EQ(group().claim_checks(owner(), 1, 1000, 6000), Claim::taken);
    EXPECT_EQ(fail(1), Change::taken_out);
    EXPECT_EQ(next(), 0);
}

TEST_F(ChecksTest, WhatRequestsSawIsPastWhenAPeerComesBack) {
    check({});
    EXPECT_EQ(next(Failure::connect_refused), 1);
    EXPECT_EQ(condition(1), Condition::failed);
    fail(1);
    EXPECT_EQ(pass(1), Change::came_back);
    EXPECT_EQ(condition(1), Condition::up);
}

TEST_F(ChecksTest, SlowStartWarmsWhoeverChecksBringBack) {
    std::vector<Server> all = servers({4, 4});
    all[0].parameters.slow_start = 10s;
    start(std::move(all));
    begin({.on = true});
    ASSERT_EQ(group().claim_checks(owner(), 1, 1000, 6000), Claim::taken);
    EXPECT_EQ(view(1).effective_weight, 400) << "who was never out is warm";
    fail(1);
    EXPECT_EQ(pass(1), Change::came_back);
    EXPECT_LE(view(1).effective_weight, 8);
    EXPECT_EQ(spread(20)[1], 0);
    UpstreamTest::pass(5000);
    EXPECT_NEAR(static_cast<double>(view(1).effective_weight), 200, 8);
    EXPECT_NEAR(spread(300)[1], 100, 4) << "half its weight: a third of all";
    UpstreamTest::pass(5000);
    EXPECT_EQ(view(1).effective_weight, 400);
}

TEST_F(ChecksTest, AnOutlierComesBackWhenItsTimeIsOverNotByAPass) {
    check({});
    const std::uint64_t until = worker().now() + 100000;
    ASSERT_TRUE(group().report_health("10.0.0.1:80", Health::ejected, "5 errors", worker().now(), until));
    EXPECT_EQ(pass(1), Change::none);
    EXPECT_EQ(condition(1), Condition::ejected);
    EXPECT_EQ(fail(1), Change::none) << "out it is already";
    EXPECT_EQ(condition(1), Condition::unhealthy);
}

TEST_F(ChecksTest, MandatoryMeansUnhealthyUntilThePassOfThisGeneration) {
    check({.mandatory = true});
    EXPECT_EQ(condition(1), Condition::unhealthy);
    EXPECT_EQ(view(1).reason, "not checked yet");
    EXPECT_EQ(next(), 0);
    EXPECT_EQ(pass(1), Change::came_back);
    EXPECT_EQ(next(), 1);
    begin({.on = true, .mandatory = true}, 1);
    EXPECT_EQ(condition(1), Condition::up) << "the first worker of a generation begins, not each";
    begin({.on = true, .mandatory = true}, 2);
    EXPECT_EQ(condition(1), Condition::unhealthy);
}

TEST_F(ChecksTest, PersistentKeepsWhatWasKnown) {
    check({.mandatory = true, .persistent = true});
    pass(1);
    fail(2);
    begin({.on = true, .mandatory = true, .persistent = true}, 2);
    EXPECT_EQ(condition(1), Condition::up) << "no second first check";
    EXPECT_EQ(condition(2), Condition::unhealthy);
    EXPECT_EQ(view(2).checks.fails_in_row, 1U);
    EXPECT_EQ(view(2).reason, "health check: status 500");
}

TEST_F(ChecksTest, WithoutItAReloadForgets) {
    check({});
    fail(1);
    begin({.on = true}, 2);
    EXPECT_EQ(condition(1), Condition::up);
    EXPECT_EQ(view(1).checks.fails_in_row, 0U);
}

TEST_F(ChecksTest, WhoIsDownIsNotChecked) {
    check({});
    Parameters down;
    down.down = true;
    ASSERT_TRUE(group().change_peer("10.0.0.1:80", {&down, 1}, worker().now()).ok());
    const std::vector<CheckedPeer> peers = group().checked_peers();
    ASSERT_EQ(peers.size(), 1U);
    EXPECT_EQ(peers[0].name, "10.0.0.2:80");
    EXPECT_EQ(peers[0].address.to_text(), "10.0.0.2:80");
}

TEST_F(ChecksTest, ALongComplaintIsCut) {
    check({});
    record(1, std::string(500, 'x'));
    EXPECT_EQ(std::string(view(1).checks.complaint.data()), std::string(95, 'x'));
}

}  // namespace
}  // namespace berth::upstream

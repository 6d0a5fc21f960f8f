// The balancers: exact distributions, and keys that stay where they are.
#include "modules/upstream/balancers.hpp"

#include <cmath>

#include "tests/unit/modules/upstream/configured_fixture.hpp"

namespace berth::upstream {
namespace {

class BalancersTest : public ConfiguredTest {
 protected:
    std::vector<int> ask_all(const std::vector<const char*>& keys) {
        std::vector<int> all;
        for (const char* key : keys) all.push_back(ask(key));
        return all;
    }
    std::vector<int> ask_from(const std::vector<const char*>& clients) {
        std::vector<int> all;
        for (const char* client : clients) all.push_back(ask("", nullptr, client));
        return all;
    }
    // Of many keys, the peer of each.
    std::vector<int> map_keys(int count) {
        std::vector<int> all;
        for (int i = 0; i < count; ++i) all.push_back(ask(("key" + std::to_string(i)).c_str()));
        return all;
    }

    // The peer that a request with this key gets from the queue, when all are free again.
    int from_queue(const char* key) {
        std::vector<Lease> all;
        for (int i = 0; i < 3; ++i) all.push_back(Asked(*this, "").lease());
        Asked asked(*this, key);
        Acquiring waits(asked.selection, scope_);
        EXPECT_FALSE(waits.done);
        for (Lease& each : all) each.end();
        EXPECT_TRUE(run_until([&] { return waits.done; }));
        return waits.lease ? number_of(waits.lease) : 0;
    }

    const std::vector<const char*> keys_ = {"a", "b", "c", "/index.html", "user42", "zebra", "12345", "x y"};
    const std::vector<const char*> clients_ = {"10.0.0.7",  "10.0.1.7", "192.168.1.9",
                                               "127.0.0.1", "8.8.8.8",  "1.2.3.4"};
};

constexpr const char* kThree = "server 10.0.0.1:80; server 10.0.0.2:80; server 10.0.0.3:80;";
constexpr const char* kThreeWithQueue =
    "server 10.0.0.1:80 max_conns=1; server 10.0.0.2:80 max_conns=1; server 10.0.0.3:80 max_conns=1; "
    "queue 5;";

// What nginx's function gives, computed apart from this code.
TEST_F(BalancersTest, IpHashIsNginxs) {
    serve(std::string("ip_hash; ") + kThree);
    EXPECT_EQ(ask_from(clients_), (std::vector{1, 2, 2, 3, 3, 2}));
    EXPECT_EQ(ask("", nullptr, "10.0.0.250"), 1) << "three bytes count";
    const int home = ask("", nullptr, "2001:db8::1");
    EXPECT_EQ(ask("", nullptr, "2001:db8::1"), home);
    EXPECT_NE(home, 0);
}

TEST_F(BalancersTest, IpHashByWeight) {
    serve("ip_hash; server 10.0.0.1:80 weight=3; server 10.0.0.2:80; server 10.0.0.3:80 weight=2;");
    EXPECT_EQ(ask_from(clients_), (std::vector{2, 3, 3, 1, 3, 1}));
}

TEST_F(BalancersTest, IpHashGoesElsewhereOnlyWhileItMust) {
    serve(std::string("ip_hash; ") + kThree);
    fail(2);
    const std::vector<int> meanwhile = ask_from(clients_);
    EXPECT_EQ(meanwhile[0], 1);
    EXPECT_EQ(meanwhile[3], 3);
    EXPECT_NE(meanwhile[1], 2);
    group().report_health("10.0.0.2:80", Health::unhealthy, "", worker().now());
    group().report_health("10.0.0.2:80", Health::healthy, "", worker().now());
    EXPECT_EQ(ask_from(clients_), (std::vector{1, 2, 2, 3, 3, 2}));
}

TEST_F(BalancersTest, HashIsMemcacheds) {
    serve(std::string("hash $a; ") + kThree);
    EXPECT_EQ(ask_all(keys_), (std::vector{3, 1, 3, 3, 1, 1, 3, 1}));
}

TEST_F(BalancersTest, HashByWeight) {
    serve("hash $a; server 10.0.0.1:80 weight=5; server 10.0.0.2:80; server 10.0.0.3:80;");
    EXPECT_EQ(ask_all(keys_), (std::vector{1, 2, 3, 1, 1, 1, 3, 1}));
}

TEST_F(BalancersTest, HashRehashesForTheNextTry) {
    serve(std::string("hash $a; ") + kThree);
    std::vector<int> second;
    for (const char* key : keys_) {
        Asked asked(*this, key);
        const Lease first = asked.lease();
        second.push_back(number_of(asked.lease()));
    }
    EXPECT_EQ(second, (std::vector{2, 3, 2, 1, 3, 2, 1, 3}));
}

TEST_F(BalancersTest, WhoHadToWaitGoesWhereItsKeySays) {
    for (const char* balancer : {"hash $a;", "hash $a consistent;"}) {
        serve(std::string(balancer) + kThreeWithQueue);
        for (const char* key : keys_) EXPECT_EQ(from_queue(key), ask(key)) << balancer << " " << key;
        upstreams_.stop();
        upstreams_ = {};
    }
}

TEST_F(BalancersTest, WithoutAKeyThereAreTurns) {
    serve(std::string("hash $a; ") + kThree);
    EXPECT_EQ(ask_all({"", "", "", ""}), (std::vector{1, 2, 3, 1}));
}

// As service records may have them.
TEST_F(BalancersTest, ConsistentHashWithLargeWeights) {
    serve("hash $a consistent; server 10.0.0.1:80 weight=65535; server 10.0.0.2:80 weight=65535;");
    std::map<int, int> shares;
    for (int key = 0; key < 400; ++key) ++shares[ask(std::to_string(key).c_str())];
    EXPECT_GT(shares[1], 120);
    EXPECT_GT(shares[2], 120);
}

TEST_F(BalancersTest, ConsistentHashIsKetama) {
    serve(std::string("hash $a consistent; ") + kThree);
    EXPECT_EQ(ask_all(keys_), (std::vector{2, 3, 1, 1, 3, 1, 2, 1}));
}

TEST_F(BalancersTest, ConsistentHashByWeight) {
    serve("hash $a consistent; server 10.0.0.1:80; server 10.0.0.2:80 weight=3; server 10.0.0.3:80;");
    EXPECT_EQ(ask_all(keys_), (std::vector{2, 3, 1, 1, 2, 2, 2, 1}));
}

TEST_F(BalancersTest, APeerThatGoesTakesOnlyItsOwnKeys) {
    serve(std::string("hash $a consistent; server 10.0.0.4:80; ") + kThree);
    const std::vector<int> before = map_keys(2000);
    const auto of_third = std::ranges::count(before, 3);
    // A quarter each, within what 160 points a server leave to chance.
    EXPECT_NEAR(static_cast<double>(of_third), 500, 150);

    ASSERT_TRUE(group().remove_peer("10.0.0.3:80").ok());
    const std::vector<int> after = map_keys(2000);
    for (std::size_t i = 0; i < before.size(); ++i) {
        if (before[i] != 3) {
            EXPECT_EQ(after[i], before[i]) << "key" << i;
        } else {
            EXPECT_NE(after[i], 3);
        }
    }
    ASSERT_TRUE(group().add_peer(*Address::parse("10.0.0.3:80"), {}, 0).ok());
    EXPECT_EQ(map_keys(2000), before) << "and has them again when it returns";
}

TEST_F(BalancersTest, LeastConnPrefersTheFree) {
    serve("least_conn; server 10.0.0.1:80 weight=2; server 10.0.0.2:80; server 10.0.0.3:80;");
    std::vector<Lease> held;
    std::vector<int> order;
    for (int i = 0; i < 8; ++i) {
        held.push_back(Asked(*this, "").lease());
        order.push_back(number_of(held.back()));
    }
    // Loads stay 2:1:1; whoever is behind is next.
    EXPECT_EQ(std::ranges::count(order, 1), 4);
    EXPECT_EQ(std::ranges::count(order, 2), 2);
    EXPECT_EQ(std::ranges::count(order, 3), 2);
    held.erase(held.begin() + (std::ranges::find(order, 3) - order.begin()));
    EXPECT_EQ(ask(""), 3);
}

TEST_F(BalancersTest, LeastConnAmongEqualsTakesTurns) {
    serve(std::string("least_conn; ") + kThree);
    EXPECT_EQ(ask_all({"", "", "", ""}), (std::vector{1, 2, 3, 1}));
}

TEST_F(BalancersTest, LeastTimePrefersTheQuick) {
    serve(std::string("least_time header; ") + kThree);
    // Each is tried, then the quickest has them all, until so many are with it that waiting costs more.
    for (int i = 0; i < 3; ++i) {
        Asked asked(*this, "");
        Lease given = asked.lease();
        Report report;
        report.status = 200;
        report.header_time = Milliseconds(number_of(given) == 2 ? 10 : 35);
        given.end(report);
    }
    std::vector<Lease> held;
    std::vector<int> order;
    for (int i = 0; i < 3; ++i) {
        held.push_back(Asked(*this, "").lease());
        order.push_back(number_of(held.back()));
    }
    EXPECT_EQ(order, (std::vector{2, 2, 2}));
    EXPECT_NE(ask(""), 2) << "40 ms for a fourth, 35 elsewhere";
}

TEST_F(BalancersTest, ATimeThatNobodyRenewsFades) {
    Member member;
    PeerState peer;
    member.peer = &peer;
    peer.header_time = 8000;
    peer.timed_at = 1000;
    EXPECT_EQ(load_by_time(member, false, 1000).amount, 8000U);
    EXPECT_EQ(load_by_time(member, false, 11000).amount, 4000U);
    EXPECT_EQ(load_by_time(member, false, 31000).amount, 1000U);
    EXPECT_EQ(load_by_time(member, false, 10000000).amount, 1U);
}

TEST_F(BalancersTest, RandomFollowsTheWeights) {
    serve("random; server 10.0.0.1:80 weight=6; server 10.0.0.2:80 weight=3; server 10.0.0.3:80;");
    std::map<int, int> seen;
    for (int i = 0; i < 20000; ++i) ++seen[ask("")];
    // Seven standard deviations: more than chance ever brings.
    EXPECT_NEAR(seen[1], 12000, 7 * std::sqrt(20000 * 0.6 * 0.4));
    EXPECT_NEAR(seen[2], 6000, 7 * std::sqrt(20000 * 0.3 * 0.7));
    EXPECT_NEAR(seen[3], 2000, 7 * std::sqrt(20000 * 0.1 * 0.9));
}

TEST_F(BalancersTest, RandomTwoNeverTakesTheBusiest) {
    serve(std::string("random two least_conn; ") + kThree);
    std::vector<Lease> held;
    Asked busy(*this, "");
    while (held.empty() || number_of(held.back()) != 1) held.push_back(Asked(*this, "").lease());
    std::erase_if(held, [](const Lease& lease) { return number_of(lease) != 1; });
    for (int i = 0; i < 50; ++i) EXPECT_NE(ask(""), 1);
    fail(2);
    for (int i = 0; i < 50; ++i) EXPECT_EQ(ask(""), 3);
    fail(3);
    EXPECT_EQ(ask(""), 1) << "one that is left is taken as it is";
}

}  // namespace
}  // namespace berth::upstream

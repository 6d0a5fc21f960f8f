// Balancer: whom it chooses.
#include "event/accept/balance.hpp"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace berth {

namespace {

using Candidates = std::vector<Balancer::Candidate>;

Address client(std::uint32_t number, std::uint16_t port = 1000) {
    return Address::ipv4(0x0a000000 + number, port);
}

TEST(BalancerTest, RoundRobinTakesWhoHasWaitedLongest) {
    Balancer balancer(AcceptBalance::round_robin);
    const Candidates candidates{{3, 9}, {1, 0}, {2, 0}};
    EXPECT_EQ(balancer.choose(candidates, client(1)), 0U);
}

TEST(BalancerTest, LeastConnTakesTheFewestAndOfSeveralTheFirst) {
    Balancer balancer(AcceptBalance::least_conn);
    EXPECT_EQ(balancer.choose(Candidates{{0, 5}, {1, 2}, {2, 2}}, client(1)), 1U);
    EXPECT_EQ(balancer.choose(Candidates{{0, 0}, {1, 0}}, client(1)), 0U);
}

TEST(BalancerTest, IpHashIsTheSameForAnAddressInAnyOrderAndFromAnyPort) {
    Balancer balancer(AcceptBalance::ip_hash);
    const Candidates some{{0, 0}, {1, 0}, {2, 0}};
    const Candidates turned{{2, 0}, {0, 0}, {1, 0}};
    for (std::uint32_t i = 0; i < 100; ++i) {
        const std::uint64_t slot = some[balancer.choose(some, client(i))].slot;
        EXPECT_EQ(turned[balancer.choose(turned, client(i, 2000))].slot, slot);
    }
}

TEST(BalancerTest, IpHashSpreadsAddresses) {
    Balancer balancer(AcceptBalance::ip_hash);
    const Candidates candidates{{0, 0}, {1, 0}, {2, 0}, {3, 0}};
    std::map<std::size_t, int> counts;
    for (std::uint32_t i = 0; i < 4000; ++i) ++counts[balancer.choose(candidates, client(i))];
    ASSERT_EQ(counts.size(), 4U);
    for (const auto& [index, count] : counts) EXPECT_NEAR(count, 1000, 150) << index;
}

TEST(BalancerTest, IpHashMovesOnlyTheClientsOfWhoIsMissing) {
    Balancer balancer(AcceptBalance::ip_hash);
    const Candidates all{{0, 0}, {1, 0}, {2, 0}};
    const Candidates fewer{{0, 0}, {2, 0}};
    for (std::uint32_t i = 0; i < 300; ++i) {
        const std::uint64_t before = all[balancer.choose(all, client(i))].slot;
        const std::uint64_t after = fewer[balancer.choose(fewer, client(i))].slot;
        EXPECT_TRUE(before == 1 || after == before);
    }
}

TEST(BalancerTest, IpHashKnowsAMappedAddress) {
    Balancer balancer(AcceptBalance::ip_hash);
    const Candidates candidates{{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 0}};
    for (int i = 1; i < 100; ++i) {
        const std::string ip = "10.1.2." + std::to_string(i);
        const Address plain = Address::parse_ip(ip).value();
        const Address mapped = Address::parse_ip("::ffff:" + ip).value();
        EXPECT_EQ(balancer.choose(candidates, plain), balancer.choose(candidates, mapped));
    }
}

TEST(BalancerTest, RandomTakesEverybody) {
    Balancer balancer(AcceptBalance::random, 1);
    const Candidates candidates{{0, 0}, {1, 0}, {2, 0}};
    std::map<std::size_t, int> counts;
    for (int i = 0; i < 3000; ++i) ++counts[balancer.choose(candidates, client(1))];
    ASSERT_EQ(counts.size(), 3U);
    for (const auto& [index, count] : counts) EXPECT_NEAR(count, 1000, 150) << index;
}

TEST(BalancerTest, NamesAreThoseOfTheDirective) {
    EXPECT_EQ(to_text(AcceptBalance::round_robin), "round_robin");
    EXPECT_EQ(to_text(AcceptBalance::random), "random");
}

}  // namespace

}  // namespace berth

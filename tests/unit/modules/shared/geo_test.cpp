// geo and the ranges of addresses below it.
#include "modules/shared/geo.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "modules/shared/data_block.hpp"
#include "tests/unit/modules/shared/test_protocol.hpp"

namespace berth {
namespace {

void read_geo(Loader& loader, const Node& node) {
    Geo::read(loader, node,
              {[](VariableHost& host) -> const Address& { return test::as_test(host).client; },
               [](VariableHost& host) -> VariableText {
                   return {test::as_test(host).forwarded, true};
               }});
}

constexpr Directive kRows[] = {data_block<read_geo>("geo", in_main, {1, 2}, "", "Tested.")};

class GeoTest : public testing::Test {
 protected:
    std::string look_up(std::string_view address, std::string forwarded = {}) {
        protocol_.variables.index("result");
        auto host = protocol_.host();
        const std::string kept(address);
        host->a = kept.c_str();
        host->forwarded = std::move(forwarded);
        Result<Address> client = Address::parse_ip(address);
        if (client) host->client = *client;
        return std::string(host->variable("result").text);
    }

    test::TestProtocol protocol_{kRows};
};

TEST_F(GeoTest, NarrowestNetworkCounts) {
    ASSERT_TRUE(
        protocol_.read("geo $result { default none; 10.0.0.0/8 wide; 10.1.0.0/16 narrow; 10.1.2.3 one; }"));
    EXPECT_EQ(look_up("10.2.0.1"), "wide");
    EXPECT_EQ(look_up("10.1.0.1"), "narrow");
    EXPECT_EQ(look_up("10.1.2.3"), "one");
    EXPECT_EQ(look_up("10.1.2.4"), "narrow");
    EXPECT_EQ(look_up("10.255.255.255"), "wide");
    EXPECT_EQ(look_up("11.0.0.0"), "none");
}

TEST_F(GeoTest, Ipv6AndMappedAddresses) {
    ASSERT_TRUE(
        protocol_.read("geo $result { default none; 2001:db8::/32 six; ::/0 any; 127.0.0.0/8 four; }"));
    EXPECT_EQ(look_up("2001:db8::1"), "six");
    EXPECT_EQ(look_up("2001:db9::1"), "any");
    EXPECT_EQ(look_up("::ffff:127.0.0.1"), "four");
    EXPECT_EQ(look_up("8.8.8.8"), "none");
}

TEST_F(GeoTest, RangesMayLieInsideOneAnother) {
    ASSERT_TRUE(protocol_.read(
        "geo $result { ranges; default none; 10.0.0.0-10.0.0.255 wide; 10.0.0.5-10.0.0.6 in; }"));
    EXPECT_EQ(look_up("10.0.0.4"), "wide");
    EXPECT_EQ(look_up("10.0.0.5"), "in");
    EXPECT_EQ(look_up("10.0.0.7"), "wide");
    EXPECT_EQ(look_up("10.0.1.0"), "none");
}

TEST_F(GeoTest, RangesMayNotCross) {
    EXPECT_FALSE(protocol_.read("geo $result { ranges; 10.0.0.0-10.0.0.9 a; 10.0.0.5-10.0.0.20 b; }"));
}

TEST_F(GeoTest, AddressesCanComeFromAVariable) {
    ASSERT_TRUE(protocol_.read("geo $a $result { default none; 10.0.0.0/8 ten; }"));
    EXPECT_EQ(look_up("10.0.0.1"), "ten");
    EXPECT_EQ(look_up("not an address"), "none");
}

TEST_F(GeoTest, TrustedProxiesNameTheClient) {
    ASSERT_TRUE(protocol_.read(
        "geo $result { default none; proxy 127.0.0.0/8; 10.0.0.0/8 ten; 127.0.0.0/8 local; }"));
    EXPECT_EQ(look_up("127.0.0.1", "8.8.8.8, 10.0.0.1"), "ten");
    EXPECT_EQ(look_up("127.0.0.1"), "local");
    EXPECT_EQ(look_up("8.8.8.8", "10.0.0.1"), "none") << "nobody trusts that proxy";
}

TEST_F(GeoTest, RecursiveProxiesAreFollowed) {
    ASSERT_TRUE(protocol_.read(
        "geo $result { default none; proxy 127.0.0.0/8; proxy 10.0.0.1; proxy_recursive; 9.0.0.0/8 nine; }"));
    EXPECT_EQ(look_up("127.0.0.1", "9.1.1.1, 10.0.0.1"), "nine");
}

TEST_F(GeoTest, DeletedNetworksAreGone) {
    ASSERT_TRUE(
        protocol_.read("geo $result { default none; 10.0.0.0/8 ten; 10.1.0.0/16 sub; delete 10.1.0.0/16; }"));
    EXPECT_EQ(look_up("10.1.0.1"), "ten");
}

TEST_F(GeoTest, DeletedRangesAreGone) {
    ASSERT_TRUE(
        protocol_.read("geo $result { ranges; default none; 10.0.0.0-10.0.0.255 wide; 10.0.0.5-10.0.0.6 in; "
                       "delete 10.0.0.5-10.0.0.6; }"));
    EXPECT_EQ(look_up("10.0.0.5"), "wide");
}

TEST_F(GeoTest, WhatIsDeletedIsWrittenAsItWasAdded) {
    for (const char* wrong :
         {"ranges; 10.0.0.0-10.0.0.255 a; delete 10.0.0.0/24;", "10.0.0.0/24 a; delete 10.0.0.0-10.0.0.255;",
          "10.0.0.0/24 a; ranges;", "ranges; 10.0.0.9-10.0.0.1 a;", "ranges; 10.0.0.1-::9 a;"}) {
        test::TestProtocol protocol(kRows);
        EXPECT_FALSE(protocol.read("geo $result { " + std::string(wrong) + " }")) << wrong;
    }
    ASSERT_TRUE(protocol_.read("geo $result { 10.0.0.0/24 a; delete 10.0.0.0/23; }"));
    EXPECT_EQ(protocol_.messages(), "no network \"10.0.0.0/23\" to delete\n");
}

TEST_F(GeoTest, VolatileIsNoNetwork) {
    ASSERT_TRUE(protocol_.read("geo $result { volatile; default none; 10.0.0.0/8 ten; }"));
    EXPECT_EQ(look_up("10.0.0.1"), "ten");
}

TEST_F(GeoTest, WrongNetworksAreReported) { EXPECT_FALSE(protocol_.read("geo $result { 10.0.0.0/99 x; }")); }

// Random networks against the definition: the longest prefix that contains the address.
TEST(AddressRanges, AgreesWithALinearSearch) {
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        AddressRanges ranges;
        std::vector<Cidr> networks;
        for (std::uint32_t i = 0; i < 40; ++i) {
            const std::string text =
                Address::ipv4(random() & 0x0f0f00ffU, 0).ip_text() + '/' + std::to_string(random() % 33);
            const Cidr network = *Cidr::parse(text);
            if (std::ranges::find(networks, network) != networks.end()) continue;
            ranges.add(network, static_cast<std::uint32_t>(networks.size()));
            networks.push_back(network);
        }
        ASSERT_FALSE(ranges.build());
        for (int probe = 0; probe < 200; ++probe) {
            const Address address = Address::ipv4(random() & 0x0f0f00ffU, 0);
            std::uint32_t best = AddressRanges::kNone;
            for (std::uint32_t i = 0; i < networks.size(); ++i) {
                if (!networks[i].contains(address)) continue;
                if (best == AddressRanges::kNone || networks[i].prefix() > networks[best].prefix()) best = i;
            }
            ASSERT_EQ(ranges.find(address), best) << address.ip_text();
        }
    }
}

TEST(AddressRanges, EndsOfTheAddressSpace) {
    AddressRanges ranges;
    ranges.add(*Cidr::parse("255.255.255.255"), 1);
    ranges.add(*Cidr::parse("0.0.0.0"), 2);
    ranges.add(*Cidr::parse("ffff::/16"), 3);
    ASSERT_FALSE(ranges.build());
    EXPECT_EQ(ranges.find(*Address::parse_ip("255.255.255.255")), 1U);
    EXPECT_EQ(ranges.find(*Address::parse_ip("0.0.0.0")), 2U);
    EXPECT_EQ(ranges.find(*Address::parse_ip("0.0.0.1")), AddressRanges::kNone);
    EXPECT_EQ(ranges.find(*Address::parse_ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")), 3U);
    EXPECT_EQ(ranges.find(*Address::unix_path("/x")), AddressRanges::kNone);
}

}  // namespace
}  // namespace berth

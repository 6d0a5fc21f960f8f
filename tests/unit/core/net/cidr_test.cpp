// Networks: parsing, and membership against a bit by bit comparison.
#include "core/net/cidr.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace berth {
namespace {

Address ip(std::string_view text) { return *Address::parse_ip(text); }

TEST(Cidr, ReadsAndShows) {
    EXPECT_EQ(Cidr::parse("10.0.0.0/8")->to_text(), "10.0.0.0/8");
    EXPECT_EQ(Cidr::parse("10.1.2.3")->to_text(), "10.1.2.3/32");
    EXPECT_EQ(Cidr::parse("2001:db8::/32")->to_text(), "2001:db8::/32");
    EXPECT_EQ(Cidr::parse("10.1.2.3/8")->to_text(), "10.0.0.0/8");
    EXPECT_TRUE(Cidr::parse("10.1.2.3/8")->had_host_bits());
    EXPECT_FALSE(Cidr::parse("10.0.0.0/8")->had_host_bits());
    EXPECT_EQ(Cidr::parse("unix:")->to_text(), "unix:");
    for (const char* bad :
         {"", "/", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/-1", "10.0.0.0/8/8", "x/8"}) {
        EXPECT_FALSE(Cidr::parse(bad)) << bad;
    }
}

TEST(Cidr, Contains) {
    EXPECT_TRUE(Cidr::parse("0.0.0.0/0")->contains(ip("1.2.3.4")));
    EXPECT_FALSE(Cidr::parse("0.0.0.0/0")->contains(ip("::1")));
    EXPECT_TRUE(Cidr::parse("10.0.0.0/8")->contains(ip("::ffff:10.1.2.3")));
    EXPECT_TRUE(Cidr::parse("::/0")->contains(ip("::ffff:10.1.2.3")));
    EXPECT_TRUE(Cidr::parse("unix:")->contains(*Address::parse("unix:/x")));
    EXPECT_FALSE(Cidr::parse("unix:")->contains(ip("1.2.3.4")));
    EXPECT_FALSE(Cidr::parse("10.0.0.0/8")->contains(Address()));
}

RC_GTEST_PROP(Cidr, AgreesWithMasks, (std::uint32_t network, std::uint32_t address)) {
    const auto prefix = *rc::gen::inRange<unsigned>(0, 33);
    const std::uint32_t mask = prefix == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix);
    const auto cidr = Cidr::parse(Address::ipv4(network, 0).ip_text() + '/' + std::to_string(prefix));
    RC_ASSERT(cidr.ok());
    RC_ASSERT(cidr->contains(Address::ipv4(address, 1)) == ((network & mask) == (address & mask)));
    const std::uint32_t near = network ^ (address & ~mask);
    RC_ASSERT(cidr->contains(Address::ipv4(near, 1)));
    RC_ASSERT(cidr->had_host_bits() == ((network & ~mask) != 0));
}

}  // namespace
}  // namespace berth

// Tests of reading DNS messages: what they say, and what is made of nonsense.
#include "event/resolver/answer.hpp"

#include <gtest/gtest.h>

#include <random>

namespace berth {
namespace {

std::string u16(unsigned value) {
    return {static_cast<char>(value >> 8U & 0xffU), static_cast<char>(value & 0xffU)};
}
std::string u32(std::uint32_t value) { return u16(value >> 16U) + u16(value & 0xffffU); }

const std::string kName = std::string("\3www\2de\0", 8);
const std::string kPointer = u16(0xc00c);  // to the name of the question

std::string record(unsigned type, std::uint32_t ttl, const std::string& data) {
    return kPointer + u16(type) + u16(1) + u32(ttl) + u16(static_cast<unsigned>(data.size())) + data;
}
std::string message(unsigned answers, const std::string& records) {
    return u16(7) + u16(0x8180) + u16(1) + u16(answers) + u32(0) + kName + u16(1) + u16(1) + records;
}
std::string four(unsigned last) { return {10, 0, 0, static_cast<char>(last)}; }
std::string service(unsigned priority, unsigned weight, unsigned port, const std::string& host) {
    return u16(priority) + u16(weight) + u16(port) + host;
}

TEST(DnsAnswer, AddressesHaveTheLeastTtlOfAll) {
    const auto records =
        parse_dns_message(message(3, record(5, 20, kName) + record(1, 300, four(1)) + record(1, 60, four(2))),
                          RecordType::a, 9);
    ASSERT_TRUE(records.ok());
    ASSERT_EQ(records->addresses.size(), 2U);
    EXPECT_EQ(records->addresses[0].ip_text(), "10.0.0.1");
    EXPECT_EQ(records->addresses[1].ip_text(), "10.0.0.2");
    EXPECT_EQ(records->ttl, 20U);
    EXPECT_EQ(records->dropped, 0U);
}

TEST(DnsAnswer, ReadsIpv6AndPassesOverOtherTypes) {
    std::string six(16, '\0');
    six[15] = 1;
    const auto records =
        parse_dns_message(message(2, record(1, 5, four(1)) + record(28, 300, six)), RecordType::aaaa, 9);
    ASSERT_TRUE(records.ok());
    ASSERT_EQ(records->addresses.size(), 1U);
    EXPECT_EQ(records->addresses[0].ip_text(), "::1");
    EXPECT_EQ(records->ttl, 300U);
}

TEST(DnsAnswer, ReadsServices) {
    const auto records = parse_dns_message(
        message(2, record(33, 30, service(1, 5, 8080, kName)) + record(33, 30, service(2, 0, 81, kName))),
        RecordType::srv, 9);
    ASSERT_TRUE(records.ok());
    const std::vector<ServiceRecord> expected = {{1, 5, 8080, "www.de"}, {2, 0, 81, "www.de"}};
    EXPECT_EQ(records->services, expected);
}

TEST(DnsAnswer, DropsWhatIsTooMuchOrMakesNoSense) {
    std::string many;
    for (unsigned i = 1; i <= 5; ++i) many += record(1, 9, four(i));
    auto records = parse_dns_message(message(5, many), RecordType::a, 3);
    ASSERT_TRUE(records.ok());
    EXPECT_EQ(records->addresses.size(), 3U);
    EXPECT_EQ(records->dropped, 2U);

    // An address of three bytes; the service "." is one that is not offered; port 0; a name with a blank.
    records = parse_dns_message(message(1, record(1, 9, "abc")), RecordType::a, 3);
    ASSERT_TRUE(records.ok());
    EXPECT_EQ(records->dropped, 1U);
    for (const std::string& data : {service(0, 0, 80, std::string(1, '\0')), service(0, 0, 0, kName),
                                    service(0, 0, 80, std::string("\3a b\0", 5)), u16(1) + u16(1)}) {
        records = parse_dns_message(message(1, record(33, 9, data)), RecordType::srv, 3);
        ASSERT_TRUE(records.ok());
        EXPECT_TRUE(records->services.empty());
        EXPECT_EQ(records->dropped, 1U);
    }
}

TEST(DnsAnswer, TheSameAddressTwiceIsOne) {
    const auto records =
        parse_dns_message(message(2, record(1, 9, four(1)) + record(1, 9, four(1))), RecordType::a, 3);
    ASSERT_TRUE(records.ok());
    EXPECT_EQ(records->addresses.size(), 1U);
}

TEST(DnsAnswer, NegativeTtlIsNone) {
    const auto records = parse_dns_message(message(1, record(1, 0x80000000U, four(1))), RecordType::a, 3);
    ASSERT_TRUE(records.ok());
    EXPECT_EQ(records->ttl, 0U);
}

// RFC 1035 4.1.4: a pointer to itself has no end.
TEST(DnsAnswer, EveryTruncationAndLoopIsAnError) {
    const std::string whole = message(2, record(33, 30, service(1, 5, 8080, kName)) + record(5, 30, kName));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(parse_dns_message(std::string_view(whole).substr(0, size), RecordType::srv, 9).ok())
            << size;
    }
    const std::string loop = u16(7) + u16(0x8180) + u16(1) + u16(1) + u32(0) + u16(0xc00c) + u32(0x10001);
    EXPECT_FALSE(parse_dns_message(loop, RecordType::a, 9).ok());
    EXPECT_FALSE(parse_dns_message(std::string(70000, '\0'), RecordType::a, 9).ok());
}

TEST(DnsAnswer, NoiseDoesNoHarm) {
    std::mt19937 random(4);
    const std::string whole = message(
        3, record(33, 30, service(1, 5, 8080, kPointer)) + record(5, 30, kPointer) + record(1, 9, four(1)));
    for (int round = 0; round < 20000; ++round) {
        std::string noisy = whole;
        for (int i = 0; i < 4; ++i) noisy[random() % noisy.size()] = static_cast<char>(random());
        for (const RecordType type : {RecordType::a, RecordType::srv}) {
            const auto records = parse_dns_message(noisy, type, 2);
            if (!records) continue;
            EXPECT_LE(records->addresses.size(), 2U);
            EXPECT_LE(records->services.size(), 2U);
        }
    }
}

TEST(DnsAnswer, AnErrorIsNoAnswerWithoutRecords) {
    std::string said = message(0, "");
    EXPECT_TRUE(parse_dns_message(said, RecordType::a, 9).ok());
    said[3] = static_cast<char>(0x89);  // NOTAUTH, which c-ares takes for success
    EXPECT_FALSE(parse_dns_message(said, RecordType::a, 9).ok());
}

TEST(DnsAnswer, HostNames) {
    for (const char* good : {"a", "a.b", "a.b.", "_http._tcp.x-1.de", "xn--bcher-kva.example"}) {
        EXPECT_TRUE(is_host_name(good)) << good;
    }
    const std::string label(64, 'a');
    std::string long_name;
    for (int i = 0; i < 130; ++i) long_name += "a.";
    for (const std::string& bad :
         {std::string(), std::string("."), std::string("a..b"), std::string(".a"), std::string("a b"),
          std::string("a/b"), std::string("b\xc3\xbc"), label, long_name, std::string("a\\046b")}) {
        EXPECT_FALSE(is_host_name(bad)) << bad;
    }
}

}  // namespace
}  // namespace berth

// Addresses: every written form, round trips, order and hash.
#include "core/net/address.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "core/system/file_descriptor.hpp"

namespace berth {
namespace {

std::string read(std::string_view text, std::uint16_t port = 0) {
    const auto address = Address::parse(text, port);
    return address ? address->to_text() : "error";
}

TEST(Address, ReadsEveryForm) {
    EXPECT_EQ(read("127.0.0.1:80"), "127.0.0.1:80");
    EXPECT_EQ(read("127.0.0.1", 80), "127.0.0.1:80");
    EXPECT_EQ(read("*:8080"), "0.0.0.0:8080");
    EXPECT_EQ(read("*", 80), "0.0.0.0:80");
    EXPECT_EQ(read("8080", 80), "0.0.0.0:8080");
    EXPECT_EQ(read("[::1]:80"), "[::1]:80");
    EXPECT_EQ(read("[::]", 443), "[::]:443");
    EXPECT_EQ(read("localhost:80"), "127.0.0.1:80");
    EXPECT_EQ(read("LocalHost", 1), "127.0.0.1:1");
    EXPECT_EQ(read("127.0.0.1:0"), "127.0.0.1:0");
    EXPECT_EQ(read("unix:/run/x.sock"), "unix:/run/x.sock");
    EXPECT_EQ(read("unix:@name"), "unix:@name");
    for (const char* bad : {"", ":", ":80", "1.2.3:80", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1",
                            "1.2.3.4:8a", "[::1", "[::1]80", "[1.2.3.4]:80", "::1", "[]:80", "example.com:80",
                            "99999", "unix:", "unix:@", "1.2.3.4.5", "[::1]:"}) {
        EXPECT_EQ(read(bad), "error") << bad;
    }
    EXPECT_EQ(read("unix:/" + std::string(200, 'x')), "error");
    EXPECT_EQ(read("unix:/" + std::string(106, 'x')), "unix:/" + std::string(106, 'x'));
    EXPECT_FALSE(Address::unix_path(std::string_view("/a\0b", 4)));
    EXPECT_FALSE(Address::parse_ip("127.0.0.1:80"));
    EXPECT_EQ(Address::parse_ip("::1", 7)->to_text(), "[::1]:7");
}

RC_GTEST_PROP(Address, TextRoundTrip,
              (std::uint32_t v4, const std::array<std::uint8_t, 16>& v6, std::uint16_t port)) {
    const Address four = Address::ipv4(v4, port);
    RC_ASSERT(*Address::parse(four.to_text()) == four);
    RC_ASSERT(Address::parse(four.to_text())->hash() == four.hash());
    in6_addr ip;
    std::memcpy(&ip, v6.data(), sizeof ip);
    const Address six = Address::ipv6(ip, port);
    RC_ASSERT(*Address::parse(six.to_text()) == six);
    RC_ASSERT(*Address::parse_ip(six.ip_text(), port) == six);
    RC_ASSERT(Address::from_sockaddr(six.data(), six.length()) == six);
    RC_ASSERT(four != six);
}

RC_GTEST_PROP(Address, AnyTextIsReadOrRefused, (const std::string& text)) {
    static_cast<void>(Address::parse(text));
    static_cast<void>(Address::parse("[" + text));
    static_cast<void>(Address::parse("1.2.3.4:" + text));
}

TEST(Address, IsAPlainValue) {
    static_assert(sizeof(Address) <= 40);
    Address address = *Address::parse("unix:/tmp/a");
    const Address copy = address;
    address = *Address::parse("10.0.0.1:5");
    EXPECT_TRUE(copy.is_unix());
    EXPECT_EQ(copy.bytes(), "/tmp/a");
    EXPECT_EQ(copy.ip_text(), "unix:");
    EXPECT_EQ(copy.port(), 0);
    address.set_port(6);
    EXPECT_EQ(address.to_text(), "10.0.0.1:6");
    EXPECT_EQ(address.bytes(), std::string_view("\x0a\0\0\x01", 4));
    EXPECT_LT(*Address::parse("10.0.0.1:5"), address);
    EXPECT_FALSE(Address().specified());
    EXPECT_EQ(Address().to_text(), "");
    EXPECT_EQ(Address(), Address());
}

TEST(Address, KnowsSpecialOnes) {
    EXPECT_TRUE(Address::parse("*:80")->is_wildcard());
    EXPECT_TRUE(Address::parse("[::]:80")->is_wildcard());
    EXPECT_FALSE(Address::parse("[::1]:80")->is_wildcard());
    EXPECT_TRUE(Address::parse("127.9.9.9:80")->is_loopback());
    EXPECT_TRUE(Address::parse("[::1]:80")->is_loopback());
    EXPECT_EQ(Address::parse("[::ffff:10.1.2.3]:80")->unmapped().to_text(), "10.1.2.3:80");
    EXPECT_EQ(Address::parse("[::1]:80")->unmapped().to_text(), "[::1]:80");
}

TEST(Address, WorksWithTheKernel) {
    const FileDescriptor inet(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Address any = *Address::parse("127.0.0.1:0");
    ASSERT_EQ(::bind(inet.get(), any.data(), any.length()), 0);
    EXPECT_NE(Address::of_socket(inet.get()).port(), 0);
    EXPECT_FALSE(Address::of_peer(inet.get()).specified());

    const FileDescriptor local(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Address name = *Address::unix_path("@berth-test-" + std::to_string(::getpid()));
    ASSERT_EQ(::bind(local.get(), name.data(), name.length()), 0);
    EXPECT_EQ(Address::of_socket(local.get()), name);
    const FileDescriptor unnamed(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    EXPECT_EQ(Address::of_socket(unnamed.get()).to_text(), "unix:");
}

TEST(Address, Ipv4IsWrittenAsTheSystemWritesIt) {
    for (const char* text : {"0.0.0.0", "1.2.3.4", "10.0.200.99", "127.0.0.1", "255.255.255.255"}) {
        EXPECT_EQ(Address::parse_ip(text)->ip_text(), text);
    }
}

}  // namespace
}  // namespace berth

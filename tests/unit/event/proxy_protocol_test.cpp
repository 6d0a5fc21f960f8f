// PROXY headers: every split, every field, every way to be wrong.
#include "event/proxy_protocol.hpp"

#include <random>
#include <string>

#include "event/connection.hpp"
#include "tests/unit/event/connection_fixture.hpp"

namespace berth {
namespace {

using Status = ProxyParse::Status;

// The verdict on all of it; that on each beginning must fit to it.
ProxyParse parse(std::string_view bytes, ProxyHeader& header) {
    ProxyParse verdict = parse_proxy_header(bytes, header);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        ProxyHeader ignored;
        const ProxyParse early = parse_proxy_header(bytes.substr(0, size), ignored);
        if (early.status == Status::more) continue;
        EXPECT_EQ(early.status, verdict.status) << size;
        EXPECT_TRUE(early.status == Status::error || size >= verdict.consumed) << size;
    }
    return verdict;
}

bool wrong(std::string_view bytes) {
    ProxyHeader header;
    return parse(bytes, header).status == Status::error;
}

std::string ends_of(const ProxyHeader& header) {
    if (!header.source.specified()) return "none";
    return header.source.to_text() + " " + header.destination.to_text();
}

std::string read(std::string_view bytes) {
    ProxyHeader header;
    const ProxyParse verdict = parse(std::string(bytes) + "GET /", header);
    if (verdict.status != Status::done) return "not done";
    EXPECT_EQ(verdict.consumed, bytes.size());
    return ends_of(header);
}

std::string tlv(int type, std::string_view value) {
    std::string out(1, static_cast<char>(type));
    out += static_cast<char>(value.size() >> 8U);
    out += static_cast<char>(value.size() & 0xFFU);
    return out + std::string(value);
}

std::string v2(int command, int family, const std::string& body) {
    std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
    out += static_cast<char>(command);
    out += static_cast<char>(family);
    out += static_cast<char>(body.size() >> 8U);
    out += static_cast<char>(body.size() & 0xFFU);
    return out + body;
}

const std::string kTcp4("\x0A\0\0\1\xC0\xA8\0\2\x30\x39\0\x50", 12);

TEST(ProxyProtocolV1, Addresses) {
    EXPECT_EQ(read("PROXY TCP4 10.0.0.1 192.168.0.2 12345 80\r\n"), "10.0.0.1:12345 192.168.0.2:80");
    EXPECT_EQ(read("PROXY TCP6 2001:db8::1 ::1 0 65535\r\n"), "[2001:db8::1]:0 [::1]:65535");
    EXPECT_EQ(read("PROXY UNKNOWN\r\n"), "none");
    EXPECT_EQ(read("PROXY UNKNOWN ffff::1 what ever 1\r\n"), "none");
}

TEST(ProxyProtocolV1, WhatIsWrong) {
    for (const std::string_view line : {"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\n",
                                        "PROXY  TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
                                        "PROXY TCP4 10.0.0.1  10.0.0.2 1 2\r\n",
                                        "PROXY TCP4 10.0.0.1 10.0.0.2 1\r\n",
                                        "PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n",
                                        "PROXY TCP4 10.0.0.1 10.0.0.2 1 2 \r\n",
                                        "PROXY TCP4 10.0.0.1 10.0.0.2 01 2\r\n",
                                        "PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n",
                                        "PROXY TCP4 10.0.0.1 10.0.0.2 -1 2\r\n",
                                        "PROXY TCP4 10.0.0 10.0.0.2 1 2\r\n",
                                        "PROXY TCP4 ::1 ::2 1 2\r\n",
                                        "PROXY TCP6 10.0.0.1 10.0.0.2 1 2\r\n",
                                        "PROXY UDP4 1.1.1.1 1.1.1.1 1 2\r\n",
                                        "PROXY TCP4\r\n",
                                        "PROXY \r\n",
                                        "PROXY UNKNOWNX\r\n",
                                        "PROXY TCP4 10.0.0.1 10.0.0.2 1 2\rX",
                                        "proxy TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
                                        "GET / HTTP/1.1\r\n",
                                        "\r\nGET"}) {
        EXPECT_TRUE(wrong(line)) << line;
    }
}

TEST(ProxyProtocolV1, TheLongestLine) {
    const std::string start = "PROXY UNKNOWN ";
    EXPECT_EQ(read(start + std::string(kMostProxyV1 - start.size() - 2, 'x') + "\r\n"), "none");
    EXPECT_TRUE(wrong(start + std::string(kMostProxyV1 - start.size() - 1, 'x') + "\r\n"));
    EXPECT_TRUE(wrong(start + std::string(200, 'x')));
}

TEST(ProxyProtocolV2, Addresses) {
    EXPECT_EQ(read(v2(0x21, 0x11, kTcp4)), "10.0.0.1:12345 192.168.0.2:80");
    std::string six(36, '\0');
    six[15] = 1;
    six[31] = 2;
    six[33] = 7;
    six[35] = 9;
    EXPECT_EQ(read(v2(0x21, 0x21, six)), "[::1]:7 [::2]:9");
    std::string paths(216, '\0');
    paths.replace(0, 6, "/a.sok");
    paths.replace(109, 4, "abst");
    EXPECT_EQ(read(v2(0x21, 0x31, paths)), "unix:/a.sok unix:@abst");
    // Of the proxy itself, of no family, or of no stream: there is nobody to tell of.
    EXPECT_EQ(read(v2(0x20, 0x11, kTcp4)), "none");
    EXPECT_EQ(read(v2(0x20, 0x00, "")), "none");
    EXPECT_EQ(read(v2(0x21, 0x00, "")), "none");
    EXPECT_EQ(read(v2(0x21, 0x12, kTcp4)), "none");
    EXPECT_EQ(read(v2(0x21, 0x77, "any bytes")), "none");
}

TEST(ProxyProtocolV2, WhatIsWrong) {
    EXPECT_TRUE(wrong(v2(0x31, 0x11, kTcp4)));
    EXPECT_TRUE(wrong(v2(0x11, 0x11, kTcp4)));
    EXPECT_TRUE(wrong(v2(0x22, 0x11, kTcp4)));
    EXPECT_TRUE(wrong(v2(0x21, 0x11, kTcp4.substr(0, 11))));
    EXPECT_TRUE(wrong(v2(0x21, 0x21, kTcp4)));
    EXPECT_TRUE(wrong(v2(0x21, 0x11, kTcp4 + "\x01")));
    EXPECT_TRUE(wrong(v2(0x21, 0x11, kTcp4 + tlv(5, "abc").substr(0, 5))));
    EXPECT_TRUE(wrong(v2(0x21, 0x11, kTcp4 + std::string(4096 - 16 - 12 + 1, '\0'))));
    EXPECT_TRUE(wrong(std::string("\r\n\r\n\0\r\nQUIX", 11)));
}

TEST(ProxyProtocolV2, TypeLengthValues) {
    const std::string ssl = std::string("\x01\0\0\0\2", 5) + tlv(0x21, "TLSv1.3") + tlv(0x22, "cn");
    const std::string all = tlv(1, "h2") + tlv(2, "host") + tlv(0x20, ssl) + tlv(0xEE, "") + tlv(1, "second");
    ProxyHeader header;
    ASSERT_EQ(parse(v2(0x21, 0x11, kTcp4 + all), header).status, Status::done);
    EXPECT_EQ(header.tlv("alpn"), "h2");
    EXPECT_EQ(header.tlv("authority"), "host");
    EXPECT_EQ(header.tlv("0x02"), "host");
    EXPECT_EQ(header.tlv("0xEE"), "");
    EXPECT_EQ(header.tlv("ssl_verify"), "2");
    EXPECT_EQ(header.tlv("ssl_version"), "TLSv1.3");
    EXPECT_EQ(header.tlv("ssl_cn"), "cn");
    EXPECT_FALSE(header.tlv("ssl_cipher"));
    EXPECT_FALSE(header.tlv("unique_id"));
    for (const std::string_view name : {"nothing", "0x", "0xg1", "0x111", ""}) EXPECT_FALSE(header.tlv(name));
}

TEST(ProxyProtocolV2, Checksum) {
    // CRC-32C of the header with zeros in its place, as the Castagnoli tables give it.
    auto with = [](std::uint32_t crc) {
        std::string value;
        for (const unsigned shift : {24U, 16U, 8U, 0U}) value += static_cast<char>(crc >> shift & 0xFFU);
        return v2(0x21, 0x11, kTcp4 + tlv(3, value));
    };
    const std::string zero = with(0);
    std::uint32_t crc = ~0U;
    for (const char c : zero) {
        crc ^= static_cast<std::uint8_t>(c);
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1U) ^ (0x82F63B78U & (0U - (crc & 1U)));
    }
    ProxyHeader header;
    EXPECT_EQ(parse(with(~crc), header).status, Status::done);
    EXPECT_TRUE(wrong(with(~crc + 1)));
    EXPECT_TRUE(wrong(v2(0x21, 0x11, kTcp4 + tlv(3, "abc"))));
}

// Whatever comes, each beginning is judged as the whole is, and nothing is read that is not there.
std::string written(const Address& source, const Address& destination, ProxyTlv tlv = {}) {
    std::array<char, kMostWrittenV2> bytes{};
    return {bytes.data(), write_proxy_v2(bytes, source, destination, tlv)};
}

TEST(ProxyProtocolV2, WhatIsWrittenIsRead) {
    for (const auto& [source, destination] :
         {std::pair("10.1.2.3:4", "10.5.6.7:65535"), std::pair("[2001:db8::1]:1", "[::1]:80"),
          std::pair("unix:/a/client", "unix:/b/server"), std::pair("unix:@x", "unix:/b/server")}) {
        const Address from = *Address::parse(source);
        const Address to = *Address::parse(destination);
        const std::string bytes = written(from, to, {0xE0, "secret"});
        ProxyHeader header;
        const ProxyParse parsed = parse_proxy_header(bytes + "more", header);
        ASSERT_EQ(parsed.status, ProxyParse::Status::done) << parsed.problem;
        EXPECT_EQ(parsed.consumed, bytes.size());
        EXPECT_EQ(header.source, from);
        EXPECT_EQ(header.destination, to);
        EXPECT_EQ(header.tlv(0xE0), "secret");
    }
}

TEST(ProxyProtocolV2, AClientWithoutAName) {
    ProxyHeader header;
    const std::string bytes = written(Address(), *Address::parse("unix:/b/server"));
    ASSERT_EQ(parse_proxy_header(bytes, header).status, ProxyParse::Status::done);
    EXPECT_FALSE(header.source.specified());
    EXPECT_EQ(header.destination.to_text(), "unix:/b/server");
}

TEST(ProxyProtocolV2, FamiliesThatDifferAreUnknown) {
    ProxyHeader header;
    const std::string bytes = written(*Address::parse("10.0.0.1:1"), *Address::parse("unix:/b/server"));
    ASSERT_EQ(parse_proxy_header(bytes, header).status, ProxyParse::Status::done);
    EXPECT_FALSE(header.source.specified());
    EXPECT_FALSE(header.destination.specified());
}

TEST(ProxyProtocol, BytesOfChance) {
    std::mt19937 random(7);  // NOLINT: the same bytes each time
    const std::string good[] = {"PROXY TCP4 10.0.0.1 192.168.0.2 12345 80\r\n",
                                v2(0x21, 0x11, kTcp4 + tlv(5, "id") + tlv(0x20, "abcdefgh"))};
    for (int round = 0; round < 3000; ++round) {
        std::string bytes = good[random() % 2];
        for (unsigned flips = random() % 3 + 1; flips > 0; --flips) {
            bytes[random() % bytes.size()] = static_cast<char>(random());
        }
        ProxyHeader header;
        const ProxyParse verdict = parse(bytes, header);
        EXPECT_LE(verdict.consumed, bytes.size());
        header.tlv("ssl_cn");
        header.tlv("ssl_verify");
    }
}

// --- on a connection

class HeardSession final : public Session {
 public:
    explicit HeardSession(std::string& heard) : heard_(heard) {}
    void on_readable() override {
        char bytes[3];
        while (connection().maybe_readable()) {
            const IoResult got = connection().recv(bytes);
            if (!got.ok()) return;
            heard_.append(bytes, got.bytes);
        }
    }

 private:
    std::string& heard_;
};

class ProxyHeaderSessionTest : public ConnectionTest {
 protected:
    std::unique_ptr<Session> session(Duration timeout) {
        return std::make_unique<ProxyHeaderSession>(
            std::make_unique<HeardSession>(heard_), timeout,
            Callback<>([](void* count) { ++*static_cast<int*>(count); }, &refused_));
    }
    std::string heard_;
    int refused_ = 0;
};

TEST_P(ProxyHeaderSessionTest, HandsOverWithTheBytesBehindIt) {
    ConnectionPool pool(loop(), 4);
    auto [connection, peer] = tcp_pair(pool);
    connection->set_session(session(Duration(5000)));
    peer.say("PROXY TCP4 10.0.0.1 10.0.0.2 3 4\r\nhel");
    ASSERT_TRUE(run_until([&] { return heard_ == "hel"; }));
    peer.say("lo");
    ASSERT_TRUE(run_until([&] { return heard_ == "hello"; }));
    ASSERT_NE(connection->proxy_header(), nullptr);
    EXPECT_EQ(ends_of(*connection->proxy_header()), "10.0.0.1:3 10.0.0.2:4");
    EXPECT_EQ(connection->peer(), Address::of_socket(peer.fd()));  // the kernel's word stands
    EXPECT_EQ(refused_, 0);
}

TEST_P(ProxyHeaderSessionTest, ClosesWhatIsWrongCutOrLate) {
    ConnectionPool pool(loop(), 4);
    auto [wrong, wrong_peer] = tcp_pair(pool);
    wrong->set_session(session(Duration(5000)));
    wrong_peer.say("GET / HTTP/1.1\r\n");
    EXPECT_TRUE(ends(wrong_peer));
    auto [cut, cut_peer] = tcp_pair(pool);
    cut->set_session(session(Duration(5000)));
    cut_peer.say("PROXY TC");
    cut_peer.finish();
    EXPECT_TRUE(ends(cut_peer));
    auto [late, late_peer] = tcp_pair(pool);
    late->set_session(session(Duration(5)));
    EXPECT_TRUE(ends(late_peer));
    EXPECT_EQ(refused_, 3);
    EXPECT_EQ(heard_, "");
}

BERTH_ON_EACH_POLLER(ProxyHeaderSessionTest);

}  // namespace
}  // namespace berth

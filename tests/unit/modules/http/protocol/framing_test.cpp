// Framing, hosts, persistence: each row of the strictness table.
#include "modules/http/protocol/framing.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

struct Head {
    explicit Head(const std::string& fields, int minor = 1, const std::string& target = "/")
        : text("POST " + target + " HTTP/1." + std::to_string(minor) + "\r\n" + fields + "\r\n") {
        EXPECT_EQ(parser.feed(text), RequestParser::Status::done) << text;
    }
    Framing framing() const { return body_framing(parser.head(), text); }
    int host_status() { return request_host(parser.head(), text, arena).refusal.status; }
    std::string host() { return std::string(request_host(parser.head(), text, arena).host.name); }

    std::string text;
    RequestParser parser;
    Arena arena;
};

int framing_status(const std::string& fields, int minor = 1) {
    return Head(fields, minor).framing().refusal.status;
}

TEST(Framing, NoneLengthOrChunked) {
    EXPECT_EQ(Head("").framing().kind, Framing::Kind::none);
    const Framing length = Head("Content-Length: 0012\r\n").framing();
    EXPECT_EQ(length.kind, Framing::Kind::content_length);
    EXPECT_EQ(length.length, 12u);
    EXPECT_EQ(Head("Transfer-Encoding: Chunked\r\n").framing().kind, Framing::Kind::chunked);
    EXPECT_EQ(Head("Content-Length: 9223372036854775807\r\n").framing().length, 9223372036854775807u);
}

TEST(Framing, RefusesWhatCouldBeReadTwoWays) {
    EXPECT_EQ(framing_status("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400);
    EXPECT_EQ(framing_status("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400);
    EXPECT_EQ(framing_status("Content-Length: 5\r\nContent-Length: 6\r\n"), 400);
    EXPECT_EQ(framing_status("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
    EXPECT_EQ(framing_status("Transfer-Encoding: chunked\r\n", 0), 400);
    EXPECT_EQ(framing_status("Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), 400);
    for (const char* bad : {"", "5, 6", "5,", "+5", "-5", "0x5", "5a", "5.0", "5e0", "5 5",
                            "9223372036854775808", "99999999999999999999999999"}) {
        EXPECT_EQ(framing_status("Content-Length: " + std::string(bad) + "\r\n"), 400) << bad;
    }
    for (const char* bad : {"", "identity", "gzip, chunked", "chunked, chunked", "xchunked", "chunked;a=b",
                            ",chunked", "chunked,", "\"chunked\"",
                            "\xa0"
                            "chunked"}) {
        EXPECT_EQ(framing_status("Transfer-Encoding: " + std::string(bad) + "\r\n"), 501) << bad;
    }
}

TEST(Framing, KeepsConnections) {
    const auto keeps = [](const std::string& fields, int minor) {
        const Head head(fields, minor);
        return keep_alive(head.parser.head(), head.text);
    };
    EXPECT_TRUE(keeps("", 1));
    EXPECT_FALSE(keeps("", 0));
    EXPECT_TRUE(keeps("Connection: Keep-Alive\r\n", 0));
    EXPECT_FALSE(keeps("Connection: x, CLOSE\r\n", 1));
    EXPECT_FALSE(keeps("Connection: keep-alive\r\nConnection: close\r\n", 1));
    EXPECT_TRUE(keeps("Connection: not-close\r\n", 1));
}

TEST(Framing, Expectations) {
    const auto expects = [](const std::string& fields, int minor) {
        const Head head(fields, minor);
        return expectation(head.parser.head(), head.text);
    };
    EXPECT_EQ(expects("", 1), Expect::none);
    EXPECT_EQ(expects("Expect: 100-Continue\r\n", 1), Expect::continue_100);
    EXPECT_EQ(expects("Expect: 100-continue\r\n", 0), Expect::none);
    EXPECT_EQ(expects("Expect: tea\r\n", 1), Expect::unknown);
}

TEST(Framing, SplitsHosts) {
    Arena arena;
    const auto parse = [&arena](std::string_view text) -> std::string {
        Host host;
        if (!parse_host(text, arena, host)) return "bad";
        return std::string(host.name) + "|" + std::to_string(host.port);
    };
    EXPECT_EQ(parse("example.com"), "example.com|0");
    EXPECT_EQ(parse("Example.COM:8080"), "example.com|8080");
    EXPECT_EQ(parse("example.com."), "example.com|0");
    EXPECT_EQ(parse("a_b.c:"), "a_b.c|0");
    EXPECT_EQ(parse("[::1]:80"), "[::1]|80");
    EXPECT_EQ(parse("[FE80::1]"), "[fe80::1]|0");
    for (const char* bad : {"",       ".",   ".a",        "a..b",       "a b",      "a/b",   "a,b", "a#b",
                            "u@a",    "a:b", "a:-1",      "a:65536",    "a:000080", "a:1:2", "::1", "[::1",
                            "[::1]x", "[]",  "[1.2.3.4]", "[::1%eth0]", ":80",      "a\xe4", "a%41"}) {
        EXPECT_EQ(parse(bad), "bad") << bad;
    }
    const std::string lower = "plain.example";
    Host host;
    ASSERT_TRUE(parse_host(lower, arena, host));
    EXPECT_EQ(host.name.data(), lower.data()) << "no copy";
}

TEST(Framing, FindsTheHostOfARequest) {
    EXPECT_EQ(Head("").host_status(), 400);
    EXPECT_EQ(Head("", 0).host_status(), 0);
    EXPECT_EQ(Head("Host: a\r\nHost: a\r\n").host_status(), 400);
    EXPECT_EQ(Head("Host:\r\n").host_status(), 400);
    EXPECT_EQ(Head("Host: a/b\r\n").host_status(), 400);
    EXPECT_EQ(Head("Host: evil\r\n", 1, "http://Good/x").host(), "good") << "the target wins";
    EXPECT_EQ(Head("Host: a\r\n", 1, "http://u:p@a/x").host_status(), 400);
    EXPECT_EQ(Head("", 1, "http://good/x").host_status(), 400);
}

TEST(Framing, HopByHopFields) {
    const Head head("Connection: X-Secret , close\r\nX-Secret: 1\r\nX-Other: 2\r\nTE: trailers\r\n");
    const FieldList& fields = head.parser.head().fields;
    const auto hop = [&](std::string_view name) {
        return is_hop_by_hop(fields, head.text, *fields.find(name, head.text));
    };
    EXPECT_TRUE(hop("connection"));
    EXPECT_TRUE(hop("x-secret"));
    EXPECT_TRUE(hop("te"));
    EXPECT_FALSE(hop("x-other"));
}

TEST(Framing, MethodsThatAreNotServed) {
    RequestParser parser;
    ASSERT_EQ(parser.feed("TRACE / HTTP/1.1\r\n\r\n"), RequestParser::Status::done);
    EXPECT_EQ(check_method(parser.head()).status, 405);
    parser.reset();
    ASSERT_EQ(parser.feed("CONNECT a:1 HTTP/1.1\r\n\r\n"), RequestParser::Status::done);
    EXPECT_EQ(check_method(parser.head()).status, 405);
    EXPECT_FALSE(check_method(Head("").parser.head()));
}

TEST(ListWalk, SplitsAtCommasOutsideQuotes) {
    ListWalk walk(", a , \"b,\\\"c\" ,,d");
    std::string_view element;
    ASSERT_TRUE(walk.next(element));
    EXPECT_EQ(element, "a");
    ASSERT_TRUE(walk.next(element));
    EXPECT_EQ(element, "\"b,\\\"c\"");
    ASSERT_TRUE(walk.next(element));
    EXPECT_EQ(element, "d");
    EXPECT_FALSE(walk.next(element));
}

}  // namespace
}  // namespace berth::http

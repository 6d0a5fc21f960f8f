// The request head parser: what it reads, what it refuses, and its limits.
#include "modules/http/protocol/request_parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace berth::http {
namespace {

using Status = RequestParser::Status;

struct Parsed {
    explicit Parsed(std::string bytes, const HeadOptions& options = {})
        : text(std::move(bytes)), parser(options) {
        status = parser.feed(text);
    }
    const RequestHead& head() const { return parser.head(); }
    std::string_view operator()(Slice slice) const { return slice.in(text); }
    std::string_view field(std::string_view name) const {
        const HeaderField* found = head().fields.find(name, text);
        return found == nullptr ? "(none)" : found->value.in(text);
    }

    std::string text;
    RequestParser parser;
    Status status;
};

int refusal_of(const std::string& text, const HeadOptions& options = {}) {
    const Parsed parsed(text, options);
    return parsed.status == Status::error ? parsed.parser.refusal().status : 0;
}

std::string with_field(const std::string& line) {
    return "GET / HTTP/1.1\r\n" + line + "\r\nHost: a\r\n\r\n";
}

TEST(RequestParser, ReadsAnOrdinaryHead) {
    const Parsed p(
        "GET /a/b.html?x=1&y=%20#top HTTP/1.1\r\nHost: example.com\r\nX-Odd:  a b \t\r\nEmpty:\r\n\r\nbody");
    ASSERT_EQ(p.status, Status::done);
    EXPECT_EQ(p.parser.consumed(), p.text.size() - 4);
    EXPECT_EQ(p.head().method, Method::get);
    EXPECT_EQ(p(p.head().line), "GET /a/b.html?x=1&y=%20#top HTTP/1.1");
    EXPECT_EQ(p(p.head().method_text), "GET");
    EXPECT_EQ(p(p.head().target), "/a/b.html?x=1&y=%20#top");
    EXPECT_EQ(p(p.head().path), "/a/b.html");
    EXPECT_EQ(p(p.head().query), "x=1&y=%20");
    EXPECT_TRUE(p.head().has_query);
    EXPECT_EQ(p.head().minor_version, 1);
    ASSERT_EQ(p.head().fields.size(), 3u);
    EXPECT_EQ(p.head().fields[0].id, KnownHeader::host);
    EXPECT_EQ(p.field("x-odd"), "a b");
    EXPECT_EQ(p.field("EMPTY"), "");
    EXPECT_EQ(p.field("absent"), "(none)");
}

TEST(RequestParser, TellsTargetFormsApart) {
    const Parsed absolute("GET http://a.example:80?q HTTP/1.1\r\n\r\n");
    ASSERT_EQ(absolute.status, Status::done);
    EXPECT_EQ(absolute.head().form, TargetForm::absolute);
    EXPECT_EQ(absolute(absolute.head().scheme), "http");
    EXPECT_EQ(absolute(absolute.head().authority), "a.example:80");
    EXPECT_EQ(absolute(absolute.head().path), "");
    EXPECT_EQ(absolute(absolute.head().query), "q");
    const Parsed asterisk("OPTIONS * HTTP/1.1\r\n\r\n");
    EXPECT_EQ(asterisk.head().form, TargetForm::asterisk);
    const Parsed authority("CONNECT a:443 HTTP/1.1\r\n\r\n");
    EXPECT_EQ(authority.head().form, TargetForm::authority);
    EXPECT_EQ(authority(authority.head().authority), "a:443");
    for (const char* bad : {"foo", "*", "http:/a", "http://", "1http://a/", "://a", "?a", "ht tp://a"}) {
        EXPECT_EQ(refusal_of("GET " + std::string(bad) + " HTTP/1.1\r\n\r\n"), 400) << bad;
    }
}

TEST(RequestParser, ChecksMethods) {
    EXPECT_EQ(Parsed("BREW / HTTP/1.1\r\n\r\n").head().method, Method::other);
    EXPECT_EQ(Parsed("M-SEARCH / HTTP/1.1\r\n\r\n").status, Status::done);
    EXPECT_EQ(refusal_of("get / HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(refusal_of("G@T / HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(refusal_of("\x16\x03\x01"), 400) << "a TLS hello is refused at its first byte";
    EXPECT_EQ(refusal_of(std::string(40, 'A') + " / HTTP/1.1\r\n\r\n"), 501);
    EXPECT_EQ(refusal_of(std::string(33, 'A') + " / HTTP/1.1\r\n\r\n"), 501);
    EXPECT_EQ(refusal_of(std::string(32, 'A') + "- / HTTP/1.1\r\n\r\n"), 501);
    EXPECT_EQ(refusal_of(std::string(32, 'A') + "a / HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(refusal_of(std::string(32, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
}

TEST(RequestParser, ChecksVersions) {
    EXPECT_EQ(Parsed("GET / HTTP/1.0\r\n\r\n").head().minor_version, 0);
    for (const char* bad :
         {"HTTP/1.10", "HTTP/1,1", "HTTP/11", "http/1.1", "HTTP/0.9", "HTTP/1.", "HTTP/1. 1", "x"}) {
        EXPECT_EQ(refusal_of("GET / " + std::string(bad) + "\r\n\r\n"), 400) << bad;
    }
    EXPECT_EQ(refusal_of("GET / HTTP/2.0\r\n\r\n"), 505);
    EXPECT_EQ(refusal_of("GET /\r\n"), 400) << "HTTP/0.9";
    EXPECT_EQ(refusal_of("GET / \r\n"), 400);
}

TEST(RequestParser, JudgesAVersionAlikeWhereverItIsSplit) {
    for (const char* version : {"HTTP/HTTP/1.1", "HTTP/1HTTP/1.1", "HTTP/1.HTTP/1.1"}) {
        const std::string text = "GET / " + std::string(version) + "\r\n\r\n";
        for (std::size_t size = 1; size < text.size(); ++size) {
            RequestParser parser;
            if (parser.feed(text.substr(0, size)) == Status::more) parser.feed(text);
            EXPECT_EQ(parser.refusal().status, 400) << version << " split at " << size;
            EXPECT_EQ(parser.head().minor_version, 1) << version << " split at " << size;
        }
    }
}

TEST(RequestParser, AcceptsSpacesButNoTabsBetweenParts) {
    EXPECT_EQ(Parsed("GET   /  HTTP/1.1  \r\n\r\n").status, Status::done);
    EXPECT_EQ(refusal_of("GET\t/ HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(refusal_of("GET /\tHTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(refusal_of(" GET / HTTP/1.1\r\n\r\n"), 400);
    EXPECT_EQ(refusal_of("GET /a b HTTP/1.1\r\n\r\n"), 400);
}

TEST(RequestParser, SkipsEmptyLinesFirst) {
    Parsed p("\r\n\n\r\n");
    EXPECT_EQ(p.status, Status::more);
    EXPECT_TRUE(p.parser.idle());
    p.text += "GET / HTTP/1.1\r\n\r\n";
    EXPECT_EQ(p.parser.feed(p.text), Status::done);
    EXPECT_EQ(p.parser.consumed(), p.text.size());
    EXPECT_EQ(refusal_of("\r\rGET / HTTP/1.1\r\n\r\n"), 400);
}

TEST(RequestParser, ChecksBytesOfTheTarget) {
    for (const char c : {'\x01', '\x1f', '\x7f', '\t'}) {
        EXPECT_EQ(refusal_of("GET /a" + std::string(1, c) + "b HTTP/1.1\r\n\r\n"), 400) << int(c);
    }
    EXPECT_EQ(refusal_of(std::string("GET /\0 HTTP/1.1\r\n\r\n", 19)), 400);
    EXPECT_EQ(Parsed("GET /\xc3\xa4 HTTP/1.1\r\n\r\n").status, Status::done);
}

TEST(RequestParser, LineEnds) {
    EXPECT_EQ(Parsed("GET / HTTP/1.1\nHost: a\n\n").status, Status::done);
    HeadOptions strict;
    strict.bare_lf = false;
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\nHost: a\r\n\r\n", strict), 400);
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\n\r\n", strict), 400);
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n\n", strict), 400);
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\rHost: a\r\r"), 400);
    EXPECT_EQ(refusal_of(with_field("X: a\rb")), 400);
    EXPECT_EQ(refusal_of("GET / HTTP/1.1\r\nHost: a\r\n\rX"), 400);
}

TEST(RequestParser, RefusesMalformedFieldLines) {
    EXPECT_EQ(refusal_of(with_field("X-A : b")), 400) << "space before the colon";
    EXPECT_EQ(refusal_of(with_field("X-A\t: b")), 400);
    EXPECT_EQ(refusal_of(with_field("X-A: b\r\n c")), 400) << "folded";
    EXPECT_EQ(refusal_of(with_field("\tX-A: b")), 400) << "folded into the request line";
    EXPECT_EQ(refusal_of(with_field("no colon")), 400);
    EXPECT_EQ(refusal_of(with_field("nocolon")), 400);
    EXPECT_EQ(refusal_of(with_field(": b")), 400) << "empty name";
    EXPECT_EQ(refusal_of(with_field(std::string("X: a\0b", 6))), 400);
    EXPECT_EQ(refusal_of(with_field(std::string("X\0A: b", 6))), 400);
    EXPECT_EQ(refusal_of(with_field("X: a\x0b")), 400);
    EXPECT_EQ(refusal_of(with_field("X: a\x7f")), 400);
    EXPECT_EQ(refusal_of(with_field("X: tab\tand \xe4 pass")), 0);
}

TEST(RequestParser, OddNamesAreDroppedKeptOrRefused) {
    for (const char* line : {"X.A: 1", "X(A): 1", "X\x85: 1", "X_A: 1", "\"X\": 1"}) {
        const Parsed p(with_field(line));
        ASSERT_EQ(p.status, Status::done) << line;
        EXPECT_EQ(p.head().fields.size(), 1u) << line;
        EXPECT_EQ(p.head().dropped_fields, 1u) << line;
    }
    HeadOptions keep;
    keep.ignore_invalid = false;
    EXPECT_EQ(Parsed(with_field("X.A: 1"), keep).field("x.a"), "1");
    EXPECT_EQ(Parsed(with_field("X_A: 1"), keep).field("x_a"), "1");
    EXPECT_EQ(refusal_of(with_field("X(A): 1"), keep), 400);
    HeadOptions allow;
    allow.underscores = Underscores::allow;
    EXPECT_EQ(Parsed(with_field("X_A: 1"), allow).field("x_a"), "1");
    EXPECT_EQ(Parsed(with_field("X_A.B: 1"), allow).head().dropped_fields, 1u);
    HeadOptions reject;
    reject.underscores = Underscores::reject;
    EXPECT_EQ(refusal_of(with_field("X_A: 1"), reject), 400);
    EXPECT_EQ(Parsed(with_field("X_: 1\r\nY: 2")).field("y"), "2") << "the next name starts afresh";
}

TEST(RequestParser, LimitsLinesAndHeads) {
    HeadOptions options;
    options.max_line = 100;
    options.max_head = 250;
    const std::string frame = "GET / HTTP/1.1\r\n";
    const auto target = [](std::size_t length) {
        return "GET /" + std::string(length - 16, 'a') + " HTTP/1.1\r\n\r\n";
    };
    EXPECT_EQ(refusal_of(target(100), options), 0) << "the line end counts";
    EXPECT_EQ(refusal_of(target(101), options), 414);
    EXPECT_EQ(refusal_of(std::string("GET /") + std::string(95, 'a'), options), 0) << "not over it yet";
    EXPECT_EQ(refusal_of(std::string("GET /") + std::string(96, 'a'), options), 414)
        << "without waiting for the end";
    EXPECT_EQ(refusal_of(frame + "X:" + std::string(96, 'b') + "\r\n\r\n", options), 0);
    EXPECT_EQ(refusal_of(frame + "X:" + std::string(97, 'b') + "\r\n\r\n", options), 431);
    const std::string line = "X:" + std::string(76, 'b') + "\r\n";
    EXPECT_EQ(refusal_of(frame + line + line + "\r\n", options), 0);
    EXPECT_EQ(refusal_of(frame + line + line + line + "\r\n", options), 431);
    EXPECT_EQ(refusal_of(std::string(300, '\n'), options), 431);
}

TEST(RequestParser, LimitsTheNumberOfFields) {
    std::string head = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 128; ++i) head += i % 2 == 0 ? "a:\r\n" : "b_:\r\n";
    const Parsed p(head + "\r\n");
    EXPECT_EQ(p.status, Status::done);
    EXPECT_EQ(p.head().fields.size(), 64u);
    EXPECT_EQ(refusal_of(head + "a:\r\n\r\n"), 431) << "dropped ones count";
}

TEST(RequestParser, IsReusable) {
    Parsed p("POST /1 HTTP/1.1\r\nA: 1\r\nHost: a\r\n\r\n");
    ASSERT_EQ(p.status, Status::done);
    p.parser.reset();
    EXPECT_TRUE(p.parser.idle());
    p.text = "GET /2 HTTP/1.0\r\n\r\n";
    ASSERT_EQ(p.parser.feed(p.text), Status::done);
    EXPECT_EQ(p(p.head().path), "/2");
    EXPECT_TRUE(p.head().fields.empty());
    EXPECT_FALSE(p.head().fields.has(KnownHeader::host));
}

TEST(RequestParser, ManyFieldsSpillOver) {
    std::string head = "GET / HTTP/1.1\r\n";
    for (int i = 0; i < 100; ++i) head += "X-" + std::to_string(i) + ": v" + std::to_string(i) + "\r\n";
    Parsed p(head + "Host: a\r\n\r\n");
    for (int round = 0; round < 2; ++round) {
        ASSERT_EQ(p.parser.head().fields.size(), 101u);
        EXPECT_EQ(p.field("x-99"), "v99");
        EXPECT_EQ(p.field("x-0"), "v0");
        EXPECT_EQ(p.field("host"), "a");
        p.parser.reset();
        ASSERT_EQ(p.parser.feed(p.text), Status::done);
    }
}

// Heads made from their parts: the parts come back, wherever the bytes are split.
TEST(RequestParser, GeneratedHeadsComeBack) {
    std::uint32_t seed = 99;
    const auto random = [&seed](std::size_t below) {
        seed = seed * 1664525 + 1013904223;
        return static_cast<std::size_t>(seed >> 8) % below;
    };
    const auto word = [&random](std::string_view alphabet, std::size_t least, std::size_t most) {
        std::string out(least + random(most - least), ' ');
        for (char& c : out) c = alphabet[random(alphabet.size())];
        return out;
    };
    constexpr std::string_view name_bytes = "abcdefXYZ-019";
    constexpr std::string_view target_bytes = "ab/%.;=&\xc3\xa4~";
    constexpr std::string_view value_bytes = "ab,;=\"\xff(){}/";
    for (int round = 0; round < 500; ++round) {
        const std::string path = "/" + word(target_bytes, 0, 60);
        const std::string query = word(target_bytes, 0, 30);
        std::string text = "POST " + path + "?" + query + " HTTP/1.1\r\n";
        std::vector<std::pair<std::string, std::string>> fields;
        for (std::size_t n = random(40); n > 0; --n) {
            fields.emplace_back(word(name_bytes, 1, 20), word(value_bytes, 0, 50));
            const std::string end = random(2) == 0 ? "\r\n" : "\n";
            text += fields.back().first + ":" + word(" \t", 0, 3) + fields.back().second + word(" \t", 0, 3) +
                    end;
        }
        text += "\r\n";
        RequestParser parser;
        std::size_t size = 0;
        while (size < text.size()) {
            size = std::min(text.size(), size + 1 + random(40));
            const Status status = parser.feed(std::string_view(text).substr(0, size));
            ASSERT_EQ(status, size == text.size() ? Status::done : Status::more) << text;
        }
        const RequestHead& head = parser.head();
        EXPECT_EQ(head.path.in(text), path);
        EXPECT_EQ(head.query.in(text), query);
        ASSERT_EQ(head.fields.size(), fields.size());
        for (std::size_t i = 0; i < fields.size(); ++i) {
            EXPECT_EQ(head.fields[i].name.in(text), fields[i].first);
            EXPECT_EQ(head.fields[i].value.in(text), fields[i].second);
        }
    }
}

TEST(FieldParser, ReadsTrailers) {
    const std::string text = "Checksum: abc\r\nX-B: 1\r\n\r\nrest";
    FieldParser parser;
    FieldList fields;
    parser.start(0, 0);
    for (std::size_t size = 0; size < text.size(); ++size) {
        const FieldParser::Status status = parser.feed(std::string_view(text).substr(0, size), fields);
        EXPECT_EQ(status, size < text.size() - 4 ? FieldParser::Status::more : FieldParser::Status::done);
    }
    EXPECT_EQ(parser.position(), text.size() - 4);
    ASSERT_EQ(fields.size(), 2u);
    EXPECT_EQ(fields[0].value.in(text), "abc");
}

}  // namespace
}  // namespace berth::http

// Response heads from upstreams: what is read, what is refused, how the body is framed.
#include "modules/http/protocol/response_parser.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "modules/http/protocol/chunked.hpp"
#include "vectors.hpp"

namespace berth::http {
namespace {

using Status = ResponseParser::Status;
using Kind = ResponseFraming::Kind;

// 502 when a response to this method is refused, 0 when more must come, else its final status.
int judge(std::string_view text, Method method) {
    for (;;) {
        ResponseParser parser;
        const Status status = parser.feed(text);
        ResponseParser split;
        Status split_status = Status::more;
        for (std::size_t size = 1; size <= text.size() && split_status == Status::more; ++size) {
            split_status = split.feed(text.substr(0, size));
        }
        EXPECT_EQ(split_status, status);
        if (status == Status::more) return 0;
        if (status == Status::error) return parser.refusal().status;
        EXPECT_EQ(split.consumed(), parser.consumed());
        const ResponseFraming framing = response_framing(parser.head(), text, method);
        if (framing.kind == Kind::error) return framing.refusal.status;
        text.remove_prefix(parser.consumed());
        if (parser.head().status >= 200) return parser.head().status;
    }
}

int judge_head(const std::string& head) { return judge(head + "\r\n", Method::get); }

Kind framing_of(const std::string& head, Method method = Method::get) {
    const std::string text = head + "\r\n";
    ResponseParser parser;
    EXPECT_EQ(parser.feed(text), Status::done) << head;
    return response_framing(parser.head(), text, method).kind;
}

TEST(ResponseParser, ReadsAHead) {
    const std::string text = "HTTP/1.0 404 Not Here\r\nX-A: b\r\nX_B: c\r\n\r\nbody";
    ResponseParser parser;
    ASSERT_EQ(parser.feed(text), Status::done);
    EXPECT_EQ(parser.consumed(), text.size() - 4);
    EXPECT_EQ(parser.head().status, 404);
    EXPECT_EQ(parser.head().minor_version, 0);
    EXPECT_EQ(parser.head().reason.in(text), "Not Here");
    EXPECT_EQ(parser.head().line.in(text), "HTTP/1.0 404 Not Here");
    EXPECT_EQ(parser.head().fields.size(), 1u);
    EXPECT_EQ(parser.head().dropped_fields, 1u);
    EXPECT_FALSE(keep_alive(parser.head(), text));
    parser.reset();
    ASSERT_EQ(parser.feed("HTTP/1.1 200\r\n\r\n"), Status::done);
    EXPECT_TRUE(parser.head().reason.empty());
    EXPECT_TRUE(keep_alive(parser.head(), "HTTP/1.1 200\r\n\r\n"));
}

TEST(ResponseParser, RefusesOtherStatusLines) {
    for (const char* bad : {"HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1 2x0 OK", "HTTP/1.1  200 OK",
                            "HTTP/2.0 200 OK", "HTTP/1.1 20", "HTTP/1.1\t200", "http/1.1 200 OK", "ZZZZ", "",
                            "HTTP/1.1 200 O\rK", "HTTP/1.10 200"}) {
        EXPECT_EQ(judge_head(std::string(bad) + "\r\n"), 502) << bad;
    }
    EXPECT_EQ(judge_head("HTTP/1.1 200 " + std::string(9000, 'a') + "\r\n"), 502);
    EXPECT_EQ(judge_head("HTTP/1.1 200 OK\r\nX : 1\r\n"), 502);
    EXPECT_EQ(judge_head("HTTP/1.1 200 OK\nX: 1\n"), 200);
}

TEST(ResponseParser, FramesBodies) {
    const std::string ok = "HTTP/1.1 200 OK\r\n";
    EXPECT_EQ(framing_of(ok), Kind::until_close);
    EXPECT_EQ(framing_of(ok + "Content-Length: 3\r\n"), Kind::content_length);
    EXPECT_EQ(framing_of(ok + "Content-Length: 3\r\n", Method::head), Kind::none);
    EXPECT_EQ(framing_of(ok + "Transfer-Encoding: chunked\r\n"), Kind::chunked);
    EXPECT_EQ(framing_of("HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n"), Kind::none);
    EXPECT_EQ(framing_of("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n"), Kind::error);
    EXPECT_EQ(framing_of(ok + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"), Kind::error);
    EXPECT_EQ(framing_of(ok + "Content-Length: 3\r\nContent-Length: 3\r\n"), Kind::error);
    EXPECT_EQ(framing_of(ok + "Transfer-Encoding: gzip, chunked\r\n"), Kind::error);
}

TEST(ResponseParser, VectorsAreJudgedAsRequired) {
    int judged = 0;
    for (const test::Vector& vector : test::load_vectors()) {
        if (vector.via != "response" || vector.response.size() > 2000) continue;
        const int status = judge(vector.response, method_of(vector.raw.substr(0, vector.raw.find(' '))));
        const std::string got = std::to_string(status);
        EXPECT_TRUE(std::find(vector.status.begin(), vector.status.end(), got) != vector.status.end())
            << vector.id << ": " << got;
        ++judged;
    }
    EXPECT_GT(judged, 15);
}

}  // namespace
}  // namespace berth::http

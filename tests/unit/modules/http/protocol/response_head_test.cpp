// Heads that are written: their text, and what is left out of them.
#include "modules/http/protocol/response_head.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

TEST(HeadWriter, WritesAHead) {
    Arena arena;
    HeadWriter writer(arena, 8);
    writer.status(200);
    writer.raw("Server: berth/0.1.0\r\n");
    EXPECT_TRUE(writer.field("X-A", "b"));
    EXPECT_TRUE(writer.field(KnownHeader::content_type, "text/html"));
    EXPECT_TRUE(writer.field(KnownHeader::content_length, std::uint64_t{18446744073709551615u}));
    EXPECT_TRUE(writer.field("Empty", ""));
    EXPECT_EQ(writer.finish(),
              "HTTP/1.1 200 OK\r\nServer: berth/0.1.0\r\nX-A: b\r\nContent-Type: text/html\r\n"
              "Content-Length: 18446744073709551615\r\nEmpty: \r\n\r\n");
    EXPECT_EQ(writer.rejected(), 0u);
}

TEST(HeadWriter, LeavesOutWhatWouldBreakTheFraming) {
    Arena arena;
    HeadWriter writer(arena);
    EXPECT_FALSE(writer.field("X", "a\r\nSet-Cookie: b"));
    EXPECT_FALSE(writer.field("X", "a\n"));
    EXPECT_FALSE(writer.field("X", std::string_view("a\0b", 3)));
    EXPECT_FALSE(writer.field("X Y", "a"));
    EXPECT_FALSE(writer.field("X:", "a"));
    EXPECT_FALSE(writer.field("", "a"));
    EXPECT_FALSE(writer.field(KnownHeader::location, "/\r"));
    EXPECT_FALSE(writer.field(KnownHeader::unknown, "a"));
    EXPECT_EQ(writer.rejected(), 8u);
    EXPECT_EQ(writer.text(), "");
}

TEST(HeadWriter, StatusAndRequestLines) {
    Arena arena;
    HeadWriter writer(arena);
    writer.status(299);
    writer.status(404, "Gone Fishing");
    writer.status(404, "a\r\nb");
    writer.status(7);
    EXPECT_EQ(writer.text(),
              "HTTP/1.1 299 \r\nHTTP/1.1 404 Gone Fishing\r\nHTTP/1.1 404 Not Found\r\n"
              "HTTP/1.1 500 Internal Server Error\r\n");
    HeadWriter request(arena);
    EXPECT_FALSE(request.request_line("GET", "/a b"));
    EXPECT_FALSE(request.request_line("GET", "/a\r\n"));
    EXPECT_FALSE(request.request_line("G T", "/"));
    EXPECT_FALSE(request.request_line("GET", ""));
    EXPECT_TRUE(request.request_line("GET", "/", 0));
    EXPECT_EQ(request.text(), "GET / HTTP/1.0\r\n");
}

}  // namespace
}  // namespace berth::http

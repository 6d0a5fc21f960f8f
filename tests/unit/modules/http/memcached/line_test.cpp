// What memcached is asked with, and the line it answers with.
#include <gtest/gtest.h>

#include "modules/http/memcached/memcached_request.hpp"

namespace berth::http {
namespace {

using Kind = MemcachedLine::Kind;

TEST(MemcachedLine, ValuesAndTheirSizes) {
    const MemcachedLine line = read_memcached_line("VALUE /a 4294967295 18446744073709551615", "/a");
    EXPECT_EQ(line.kind, Kind::value);
    EXPECT_EQ(line.flags, 4294967295U);
    EXPECT_EQ(line.bytes, 18446744073709551615U);
    EXPECT_EQ(read_memcached_line("END", "/a").kind, Kind::end);
}

TEST(MemcachedLine, NothingElseIsOne) {
    for (const char* line :
         {"", "END ", "end", "VALUE", "VALUE /a", "VALUE /a 0", "VALUE /a 0 ", "VALUE  /a 0 1",
          "VALUE /b 0 1", "VALUE /a  0 1", "VALUE /a 0 1 ", "VALUE /a 0 1 2", "VALUE /a 4294967296 1",
          "VALUE /a x 1", "VALUE /a 0 18446744073709551616", "VALUE /a 0 -1", "ERROR",
          "SERVER_ERROR out of memory"}) {
        const MemcachedLine read = read_memcached_line(line, "/a");
        EXPECT_EQ(read.kind, Kind::error) << line;
        EXPECT_FALSE(read.words.empty()) << line;
    }
}

TEST(MemcachedKey, HasNothingThatEndsACommand) {
    EXPECT_EQ(escape_memcached_key("/a?b=c&d"), "/a?b=c&d");
    EXPECT_EQ(escape_memcached_key("a b\r\nset x 0 0 1\r\n%\x7f"),
              "a%20b%0D%0Aset%20x%200%200%201%0D%0A%25%7F");
    EXPECT_EQ(escape_memcached_key("\xc3\xa4"), "\xc3\xa4");
}

}  // namespace
}  // namespace berth::http

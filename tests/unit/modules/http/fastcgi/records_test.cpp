// FastCGI records: written, and read in pieces of any size.
#include "modules/http/fastcgi/records.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace berth::http {
namespace {

using Kind = FastcgiRecords::Kind;
using namespace std::string_literals;

std::string record(unsigned type, const std::string& content, std::size_t padding = 0, unsigned id = 1,
                   unsigned version = 1) {
    std::string out;
    for (const std::size_t byte :
         {std::size_t{version}, std::size_t{type}, std::size_t{id >> 8}, std::size_t{id & 0xff},
          content.size() >> 8, content.size() & 0xff, padding, std::size_t{0}}) {
        out += static_cast<char>(byte);
    }
    return out + content + std::string(padding, 'p');
}

const std::string kEnd = record(3, std::string(8, '\0'));

// All that was read, as text: output as it is, messages in <>, the end as |, an error as !words. Bytes are
// given `piece` at a time.
std::string read(std::string_view bytes, std::size_t piece) {
    FastcgiRecords records;
    std::string all;
    bool in_message = false;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(piece, bytes.size()))) {
        std::string_view given = bytes.substr(0, piece);
        for (bool more = false; !more;) {
            const FastcgiRecords::Step step = records.next(given);
            given.remove_prefix(step.consumed);
            switch (step.kind) {
                case Kind::more: more = true; break;
                case Kind::output: all += step.data; break;
                case Kind::message:
                    if (!std::exchange(in_message, !step.record_ends)) all += '<';
                    all += step.data;
                    if (step.record_ends) all += '>';
                    break;
                case Kind::end: return all + '|';
                case Kind::error: return all + '!' + std::string(step.words);
            }
        }
        EXPECT_TRUE(given.empty());
    }
    return all;
}

std::string read_any_way(const std::string& bytes) {
    const std::string whole = read(bytes, bytes.size());
    for (std::size_t piece = 1; piece <= std::min<std::size_t>(bytes.size(), 40); ++piece)
        EXPECT_EQ(read(bytes, piece), whole) << piece;
    return whole;
}

TEST(FastcgiRecords, AreReadInPiecesOfAnySize) {
    EXPECT_EQ(read_any_way(record(6, "hello ", 2) + record(7, "oh") + record(6, "world") + record(7, "") +
                           record(6, "", 8) + kEnd),
              "hello <oh>world|");
    EXPECT_EQ(read_any_way(record(6, std::string(65535, 'x'), 255) + kEnd), std::string(65535, 'x') + "|");
    EXPECT_EQ(read_any_way(record(6, "cut off").substr(0, 12)), "cut ");
    EXPECT_EQ(read_any_way(record(3, std::string(8, '\0'), 7)), "|");
}

TEST(FastcgiRecords, RefusesWhatIsNotOfThisRequest) {
    EXPECT_EQ(read_any_way(record(6, "x", 0, 1, 2)), "!upstream sent unsupported FastCGI protocol version");
    EXPECT_EQ(read_any_way(record(6, "x", 0, 2)), "!upstream sent unexpected FastCGI request id");
    EXPECT_EQ(read_any_way(record(6, "x", 0, 257)), "!upstream sent unexpected FastCGI request id");
    EXPECT_EQ(read_any_way(record(5, "x")), "!upstream sent unexpected FastCGI record");
    EXPECT_EQ(read_any_way(record(10, "x")), "!upstream sent unexpected FastCGI record");
    EXPECT_EQ(read_any_way(record(3, std::string(7, '\0'))), "!upstream sent invalid FastCGI end of request");
    EXPECT_EQ(read_any_way(record(3, "\0\0\0\0\2\0\0\0"s)), "!upstream rejected the FastCGI request");
    EXPECT_EQ(read_any_way(record(6, "a") + record(6, "") + record(6, "b")),
              "a!upstream sent FastCGI output after its end");
}

TEST(FastcgiRecords, OutputThatIsGivenBackComesAgain) {
    const std::string bytes = record(6, "headbody", 3) + kEnd;
    FastcgiRecords records;
    FastcgiRecords::Step step = records.next(bytes);
    ASSERT_EQ(step.data, "headbody");
    records.give_back(4);
    const std::string_view rest = std::string_view(bytes).substr(step.consumed - 4);
    step = records.next(rest);
    EXPECT_EQ(step.data, "body");
    EXPECT_TRUE(step.record_ends);
    EXPECT_EQ(records.next(rest.substr(step.consumed)).kind, Kind::end);
}

TEST(FastcgiRecords, AreWritten) {
    std::string out;
    append_fastcgi_head(out, FastcgiType::params, 0x1234);
    EXPECT_EQ(out, "\1\4\0\1\x12\x34\0\0"s);
    out.clear();
    EXPECT_TRUE(append_fastcgi_param(out, "NAME", std::string(127, 'v')));
    EXPECT_EQ(out, "\4\x7fNAME"s + std::string(127, 'v'));
    out.clear();
    EXPECT_TRUE(append_fastcgi_param(out, std::string(128, 'n'), ""));
    EXPECT_EQ(out, "\x80\0\0\x80\0"s + std::string(128, 'n'));
}

}  // namespace
}  // namespace berth::http

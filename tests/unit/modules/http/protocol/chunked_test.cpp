// Chunked bodies: the data, the limits, and every split of them.
#include "modules/http/protocol/chunked.hpp"

#include <gtest/gtest.h>

#include <string>

#include "modules/http/protocol/field_parser.hpp"

namespace berth::http {
namespace {

struct Decoded {
    std::string body;
    std::string verdict;
    std::size_t consumed = 0;
};

Decoded decode(std::string_view input, std::size_t piece, bool keep_trailers = false) {
    ChunkedDecoder decoder(keep_trailers);
    Decoded out;
    out.verdict = "more";
    while (out.consumed < input.size()) {
        const std::vector<char> copy = [&] {
            const std::string_view part = input.substr(out.consumed, piece);
            return std::vector<char>(part.begin(), part.end());
        }();
        const ChunkedDecoder::Step step = decoder.next({copy.data(), copy.size()});
        out.consumed += step.consumed;
        out.body += step.data;
        if (step.status == ChunkedDecoder::Status::error) {
            out.verdict = decoder.refusal().words;
            return out;
        }
        if (step.status != ChunkedDecoder::Status::done) continue;
        out.verdict = "done " + std::string(decoder.trailers());
        EXPECT_EQ(decoder.total(), out.body.size());
        return out;
    }
    return out;
}

// The verdict on the whole, after checking that single bytes and pairs lead to the same.
Decoded check(const std::string& input, bool keep_trailers = false) {
    const Decoded whole = decode(input, input.size(), keep_trailers);
    for (const std::size_t piece : {1u, 2u, 3u, 7u}) {
        const Decoded split = decode(input, piece, keep_trailers);
        EXPECT_EQ(split.body, whole.body) << input;
        EXPECT_EQ(split.verdict, whole.verdict) << input;
        EXPECT_EQ(split.consumed, whole.consumed) << input;
    }
    return whole;
}

bool is_done(const Decoded& decoded) { return decoded.verdict.starts_with("done"); }
bool is_refused(const Decoded& decoded) { return decoded.verdict.starts_with("client sent"); }

TEST(ChunkedDecoder, YieldsTheBody) {
    const Decoded decoded = check("5\r\nhello\r\n00A\r\n, world!!!\r\n0\r\n\r\nGET /");
    EXPECT_TRUE(is_done(decoded));
    EXPECT_EQ(decoded.body, "hello, world!!!");
    EXPECT_EQ(decoded.consumed, 32u) << "not a byte of the next message";
    EXPECT_EQ(check("000\r\n\r\n").body, "");
    EXPECT_TRUE(is_done(check("5;a=b;c=\"d;e\"\r\nhello\r\n0;c\r\n\r\n")));
    EXPECT_TRUE(is_done(check("5 \t; a = b\r\nhello\r\n0\r\n\r\n")));
}

TEST(ChunkedDecoder, YieldsInPlace) {
    const std::string input = "3\r\nabc\r\n";
    ChunkedDecoder decoder;
    const ChunkedDecoder::Step step = decoder.next(input);
    EXPECT_EQ(step.status, ChunkedDecoder::Status::data);
    EXPECT_EQ(step.data.data(), input.data() + 3);
}

TEST(ChunkedDecoder, RefusesOtherFraming) {
    for (const char* bad : {"5\nhello\r\n",
                            "5\rhello",
                            "5\r\nhello\n0\r\n\r\n",
                            "5\r\nhello0\r\n\r\n",
                            "5\r\nhelloX\r\n",
                            "5\r\nhell\r\n0\r\n\r\n",
                            "0\n\r\n",
                            "0\r\n\n",
                            "0\r\nXXGET / HTTP/1.1\r\n",
                            "+5\r\n",
                            "-1\r\n",
                            "\r\n",
                            "G\r\n",
                            "5.0\r\n",
                            "5\x0b\r\n",
                            "5xyz\r\n",
                            "0x5\r\n",
                            " 5\r\n",
                            "5 \r\nhello\r\n",
                            "5;a\nhello\r\n",
                            "2\r\r;a\r\n",
                            "5;\x01\r\n",
                            "ffffffffffffffff\r\n",
                            "8000000000000000\r\n",
                            "10000000000000005\r\n"}) {
        EXPECT_TRUE(is_refused(check(bad))) << bad;
    }
}

TEST(ChunkedDecoder, RefusesASumBeyond63Bits) {
    EXPECT_TRUE(is_refused(check("1\r\na\r\n7fffffffffffffff\r\n")));
    EXPECT_EQ(check("7fffffffffffffff\r\na").body, "a");
}

TEST(ChunkedDecoder, LimitsLinesAndTrailers) {
    EXPECT_TRUE(is_done(check("0;" + std::string(ChunkedDecoder::kMaxLine - 4, 'a') + "\r\n\r\n")));
    EXPECT_TRUE(is_refused(check("0;" + std::string(ChunkedDecoder::kMaxLine - 3, 'a') + "\r\n\r\n")));
    EXPECT_TRUE(is_refused(check(std::string(ChunkedDecoder::kMaxLine + 1, '0'))));
    EXPECT_TRUE(is_done(check("0\r\na:" + std::string(ChunkedDecoder::kMaxTrailers - 6, 'b') + "\r\n\r\n")));
    EXPECT_TRUE(
        is_refused(check("0\r\na:" + std::string(ChunkedDecoder::kMaxTrailers - 5, 'b') + "\r\n\r\n")));
}

TEST(ChunkedDecoder, ChecksTrailers) {
    EXPECT_EQ(check("0\r\nA: b\r\nC:d\r\n\r\n").verdict, "done ");
    const std::string kept = check("0\r\nA: b\r\nC:d\r\n\r\nX", true).verdict.substr(5);
    EXPECT_EQ(kept, "A: b\r\nC:d\r\n\r\n");
    FieldParser parser;
    FieldList fields;
    parser.start(0, 0);
    EXPECT_EQ(parser.feed(kept, fields), FieldParser::Status::done);
    EXPECT_EQ(fields.size(), 2u);
    for (const char* bad :
         {"0\r\njunk\r\n\r\n", "0\r\n: b\r\n\r\n", "0\r\nA : b\r\n\r\n", "0\r\nA: b\n\r\n",
          "0\r\n A: b\r\n\r\n", "0\r\nA: b\r\n c\r\n\r\n", "0\r\nA: \x01\r\n\r\n", "0\r\nA: b\rc\r\n\r\n"}) {
        EXPECT_TRUE(is_refused(check(bad))) << bad;
    }
    EXPECT_TRUE(forbidden_in_trailer(KnownHeader::content_length));
    EXPECT_FALSE(forbidden_in_trailer(KnownHeader::unknown));
}

TEST(ChunkedDecoder, CutBodiesAreNeverComplete) {
    const std::string input = "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    for (std::size_t size = 1; size < input.size(); ++size) {
        EXPECT_EQ(decode(std::string_view(input).substr(0, size), 100).verdict, "more") << size;
    }
}

TEST(ChunkedEncoder, RoundTrip) {
    char head[kMaxChunkHead];
    EXPECT_EQ(std::string(head, write_chunk_head(head, 0x1f)), "1f\r\n");
    EXPECT_EQ(write_chunk_head(head, ~std::uint64_t{0}), kMaxChunkHead);
    std::string coded;
    std::string plain;
    for (std::size_t size : {1u, 15u, 16u, 300u}) {
        const std::string data(size, static_cast<char>('a' + size % 26));
        coded += std::string(head, write_chunk_head(head, size)) + data + "\r\n";
        plain += data;
    }
    coded += kLastChunk;
    EXPECT_EQ(check(coded).body, plain);
}

}  // namespace
}  // namespace berth::http

// The bytes that come out of a RangeBody do not depend on how the body came in.
#include "modules/http/files/range_body.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

#include "core/system/file_descriptor.hpp"

namespace berth::http {
namespace {

class RangeBodyTest : public ::testing::Test {
 protected:
    RangeBodyTest() : file_(::memfd_create("body", MFD_CLOEXEC)) {
        for (int i = 0; i < 1000; ++i) body_ += static_cast<char>('a' + i % 26);
        EXPECT_EQ(::pwrite(file_.get(), body_.data(), body_.size(), 0), 1000);
    }

    std::string text_of(const Chain& chain) const {
        std::string text;
        for (const Buffer& part : chain) {
            if (!part.in_file()) {
                text += part.text();
            } else {
                EXPECT_EQ(part.file, file_.get());
                text += body_.substr(static_cast<std::size_t>(part.file_begin), part.size());
            }
        }
        return text;
    }

    // The whole body through `ranges`, in pieces that end at `cuts`; every second piece is a part of the
    // file.
    std::string pass(RangeBody ranges, const std::vector<std::size_t>& cuts) {
        std::string out;
        std::size_t at = 0;
        bool in_file = false;
        for (const std::size_t cut : cuts) {
            Chain chain;
            const std::size_t middle = at + (cut - at) / 2;
            chain.append_text(arena_, std::string_view(body_).substr(at, middle - at));
            if (in_file) {
                chain.append_file(arena_, file_.get(), static_cast<off_t>(middle), static_cast<off_t>(cut));
            } else {
                chain.append_text(arena_, std::string_view(body_).substr(middle, cut - middle));
            }
            ranges.cut(arena_, chain);
            out += text_of(chain);
            at = cut;
            in_file = !in_file;
        }
        return out;
    }

    Arena arena_;
    std::string body_;
    FileDescriptor file_;
};

TEST_F(RangeBodyTest, OneRangeIsItsBytes) {
    const ByteRange range[] = {{10, 20}};
    EXPECT_EQ(pass(RangeBody::single(range), {1000}), body_.substr(10, 10));
    EXPECT_EQ(pass(RangeBody::single(range), {10, 20, 1000}), body_.substr(10, 10));
    EXPECT_EQ(pass(RangeBody::single(range), {15, 1000}), body_.substr(10, 10));
    EXPECT_EQ(RangeBody::single(range).length(), 10u);
}

TEST_F(RangeBodyTest, PartsComeWithTheirHeads) {
    const ByteRange ranges[] = {{0, 2}, {998, 1000}};
    const std::string_view heads[] = {"<1>", "<2>"};
    const RangeBody body = RangeBody::multipart(ranges, heads, "<end>");
    EXPECT_EQ(pass(body, {1000}), "<1>" + body_.substr(0, 2) + "<2>" + body_.substr(998) + "<end>");
    EXPECT_EQ(body.length(), 15u);
}

TEST_F(RangeBodyTest, AnySplitGivesTheSameBytes) {
    std::mt19937 random(20260101);
    const auto below = [&random](std::size_t n) { return std::size_t{random()} % n; };
    for (int round = 0; round < 2000; ++round) {
        std::vector<ByteRange> asked;
        for (std::size_t i = 1 + below(5); i > 0; --i) {
            const std::size_t begin = below(999);
            asked.push_back({begin, begin + 1 + below(1000 - begin)});
        }
        const std::span<const ByteRange> ranges = ascending(asked);
        std::vector<std::string_view> heads;
        std::string expected;
        for (const ByteRange& range : ranges) {
            heads.push_back("<head>");
            expected += "<head>" + body_.substr(range.begin, range.length());
        }
        expected += "<end>";
        std::vector<std::size_t> cuts;
        for (std::size_t at = 0; at < 1000;)
            cuts.push_back(at = std::min<std::size_t>(1000, at + below(300)));
        const RangeBody body = RangeBody::multipart(ranges, heads, "<end>");
        ASSERT_EQ(pass(body, cuts), expected) << "round " << round;
        ASSERT_EQ(body.length(), expected.size());
    }
}

TEST_F(RangeBodyTest, AFlushSurvives) {
    const ByteRange range[] = {{500, 501}};
    RangeBody body = RangeBody::single(range);
    Chain chain;
    chain.append_text(arena_, std::string_view(body_).substr(0, 100));
    chain.append_flush(arena_);
    body.cut(arena_, chain);
    ASSERT_FALSE(chain.empty());
    EXPECT_TRUE(chain.head()->flush);
    EXPECT_EQ(chain.size(), 0u);
}

TEST(AscendingRanges, SortsAndJoinsWhatOverlaps) {
    ByteRange ranges[] = {{50, 60}, {0, 10}, {5, 20}, {60, 70}, {51, 52}};
    const std::span<const ByteRange> result = ascending(ranges);
    ASSERT_EQ(result.size(), 3u);
    EXPECT_EQ(result[0].begin, 0u);
    EXPECT_EQ(result[0].end, 20u);
    EXPECT_EQ(result[1].begin, 50u);
    EXPECT_EQ(result[1].end, 60u);
    EXPECT_EQ(result[2].begin, 60u);
    EXPECT_EQ(result[2].end, 70u);
}

}  // namespace
}  // namespace berth::http

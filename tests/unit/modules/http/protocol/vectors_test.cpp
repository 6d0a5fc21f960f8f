// Every vector that a server alone can decide, judged by the protocol pieces; and none depends on how it is
// split.
#include "vectors.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "exchange.hpp"

namespace berth::http::test {
namespace {

bool status_allowed(const Vector& vector, const std::vector<int>& got) {
    const std::string first = got.empty() ? "none" : std::to_string(got.front());
    return std::any_of(vector.status.begin(), vector.status.end(), [&](const std::string& want) {
        if (want == first) return true;
        if (want == "reject") return !got.empty() && got.front() >= 400 && got.size() == 1;
        return want.size() == 3 && want.ends_with("xx") && want.front() == first.front();
    });
}

TEST(Http1Vectors, AreJudgedAsRequired) {
    const std::vector<Vector> vectors = load_vectors();
    ASSERT_GT(vectors.size(), 100u);
    int judged = 0;
    for (const Vector& vector : vectors) {
        if (vector.via != "direct" && vector.via != "both") continue;
        const std::vector<int> got = exchange(vector.raw);
        const int count = static_cast<int>(got.size());
        EXPECT_TRUE(status_allowed(vector, got)) << vector.id << ": " << (got.empty() ? 0 : got.front());
        const bool refused = !got.empty() && got.front() >= 400;
        if (vector.answers >= 0 && !refused) {
            EXPECT_EQ(count, vector.answers) << vector.id;
        }
        if (vector.most >= 0) {
            EXPECT_LE(count, vector.most) << vector.id;
        }
        ++judged;
    }
    EXPECT_GT(judged, 100);
}

std::string describe(const RequestParser& parser, RequestParser::Status status, std::string_view buffer) {
    if (status == RequestParser::Status::more) return "more";
    if (status == RequestParser::Status::error) {
        return std::to_string(parser.refusal().status) + " " + std::string(parser.refusal().words);
    }
    const RequestHead& head = parser.head();
    std::string out = std::to_string(parser.consumed()) + " " + std::string(head.line.in(buffer));
    for (const HeaderField& field : head.fields) {
        out += "\n" + std::string(field.name.in(buffer)) + "=" + std::string(field.value.in(buffer)) + "#" +
               std::to_string(static_cast<int>(field.id));
    }
    return out + "\ndropped " + std::to_string(head.dropped_fields);
}

// Feeds growing copies, each in memory of exactly its size at another place.
template <class NextSize>
std::string parse_split(const std::string& raw, NextSize next_size) {
    RequestParser parser;
    for (std::size_t size = 0;;) {
        size = std::min(raw.size(), next_size(size));
        const std::vector<char> copy(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(size));
        const std::string_view buffer(copy.data(), copy.size());
        const RequestParser::Status status = parser.feed(buffer);
        if (status != RequestParser::Status::more || size == raw.size())
            return describe(parser, status, buffer);
    }
}

TEST(Http1Vectors, SplitsDoNotMatter) {
    std::uint32_t seed = 12345;
    const auto random = [&seed](std::uint32_t below) {
        seed = seed * 1664525 + 1013904223;
        return (seed >> 8) % below;
    };
    for (const Vector& vector : load_vectors()) {
        const std::string whole = parse_split(vector.raw, [&](std::size_t) { return vector.raw.size(); });
        if (vector.raw.size() < 1000) {
            EXPECT_EQ(whole, parse_split(vector.raw, [](std::size_t n) { return n + 1; })) << vector.id;
        }
        const std::uint32_t most = vector.raw.size() > 1000 ? 4000 : 20;
        for (int i = 0; i < 10; ++i) {
            EXPECT_EQ(whole, parse_split(vector.raw, [&](std::size_t n) { return n + 1 + random(most); }))
                << vector.id;
        }
    }
}

TEST(Http1Vectors, MutatedBytesGiveOneVerdict) {
    std::uint32_t seed = 777;
    const auto random = [&seed](std::size_t below) {
        seed = seed * 1664525 + 1013904223;
        return static_cast<std::size_t>(seed >> 8) % below;
    };
    constexpr std::string_view spice =
        "\r\n \t:;,?#%/.\0\x7f\xff"
        "0aA_";
    for (const Vector& vector : load_vectors()) {
        if (vector.raw.size() > 400 || vector.raw.empty()) continue;
        for (int i = 0; i < 30; ++i) {
            std::string raw = vector.raw;
            for (std::size_t n = 1 + random(3); n > 0; --n)
                raw[random(raw.size())] = spice[random(spice.size())];
            const std::string whole = parse_split(raw, [&](std::size_t) { return raw.size(); });
            EXPECT_EQ(whole, parse_split(raw, [](std::size_t n) { return n + 1; })) << raw;
        }
    }
}

}  // namespace
}  // namespace berth::http::test

// Paths and arguments.
#include "modules/http/protocol/uri.hpp"

#include <gtest/gtest.h>

#include <string>

namespace berth::http {
namespace {

std::string normal(std::string_view raw, bool merge = true) {
    Arena arena;
    const NormalPath path = normalize_path(raw, arena, merge);
    return path.refusal ? "refused" : std::string(path.path);
}

TEST(NormalizePath, LeavesPlainPathsWhereTheyAre) {
    Arena arena;
    for (const std::string_view raw :
         {"/", "/index.html", "/a/b.c/", "/.well-known/x", "/...", "/a..b/c.", "/\xc3\xa4"}) {
        const NormalPath path = normalize_path(raw, arena);
        EXPECT_EQ(path.path, raw);
        EXPECT_EQ(path.path.data(), raw.data());
    }
}

TEST(NormalizePath, DecodesThenResolves) {
    EXPECT_EQ(normal(""), "/");
    EXPECT_EQ(normal("/a%20b%2f%41"), "/a b/A");
    EXPECT_EQ(normal("/a%3fb%23c%25"), "/a?b#c%");
    EXPECT_EQ(normal("/a/./b/."), "/a/b/");
    EXPECT_EQ(normal("/a/../b"), "/b");
    EXPECT_EQ(normal("/a/b/.."), "/a/");
    EXPECT_EQ(normal("/a/%2e%2e/b"), "/b");
    EXPECT_EQ(normal("/a%2f..%2fb"), "/b");
    EXPECT_EQ(normal("/%252e%252e/"), "/%2e%2e/") << "decoded once only";
    EXPECT_EQ(normal("//a///b//"), "/a/b/");
    EXPECT_EQ(normal("//a///b//", false), "//a///b//");
    EXPECT_EQ(normal("/a//../b", false), "/a/b");
    EXPECT_EQ(normal("/a//../b"), "/b");
    EXPECT_EQ(normal("/.a/..b/..."), "/.a/..b/...");
}

TEST(NormalizePath, Refuses) {
    for (const char* bad : {"a", "/..", "/../x", "/a/../..", "/%2e%2e", "/./..", "/a%00b", "/%", "/%4",
                            "/%zz", "/%4g", "/a%"}) {
        EXPECT_EQ(normal(bad), "refused") << bad;
    }
    EXPECT_EQ(normal(std::string_view("/\0%41", 5)), "refused");
    EXPECT_EQ(normal(std::string_view("/a\0b", 4)), "refused");
}

TEST(NormalizePath, ResultsHaveNoDotSegmentsAndStay) {
    std::uint32_t seed = 4711;
    constexpr std::string_view alphabet[] = {"/", "/", ".", "..", "a", "%2e", "%2F", "b", "//", "%25"};
    for (int i = 0; i < 20000; ++i) {
        std::string raw = "/";
        for (int n = 0; n < 10; ++n) {
            seed = seed * 1664525 + 1013904223;
            raw += alphabet[(seed >> 16) % std::size(alphabet)];
        }
        const std::string once = normal(raw);
        if (once == "refused") continue;
        EXPECT_EQ(once.find("//"), once.npos) << raw;
        EXPECT_EQ((once + "/").find("/./"), once.npos) << raw;
        EXPECT_EQ((once + "/").find("/../"), once.npos) << raw;
        EXPECT_EQ(once.front(), '/');
    }
}

TEST(SplitTarget, PathQueryFragment) {
    const TargetParts all = split_target("/a?b?c#d?e");
    EXPECT_EQ(all.path, "/a");
    EXPECT_EQ(all.query, "b?c");
    EXPECT_TRUE(all.has_query);
    EXPECT_FALSE(split_target("/a#b?c").has_query);
    EXPECT_EQ(split_target("/a#b?c").path, "/a");
    EXPECT_TRUE(split_target("/a?").has_query);
}

TEST(PathExtension, LastDotOfTheLastSegment) {
    EXPECT_EQ(path_extension("/a/b.tar.gz"), "gz");
    EXPECT_EQ(path_extension("/a.b/c"), "");
    EXPECT_EQ(path_extension("/.profile"), "");
    EXPECT_EQ(path_extension("/a."), "");
}

TEST(FindArgument, ByName) {
    EXPECT_EQ(find_argument("a=1&B=2&b=3&empty=&flag", "b"), "2");
    EXPECT_EQ(find_argument("a=1", "a"), "1");
    EXPECT_EQ(find_argument("xa=1&a=2", "a"), "2");
    EXPECT_EQ(find_argument("a=1&empty=", "empty"), "");
    EXPECT_EQ(find_argument("flag", "flag"), std::nullopt);
    EXPECT_EQ(find_argument("", "a"), std::nullopt);
    EXPECT_EQ(find_argument("=1", ""), std::nullopt);
}

}  // namespace
}  // namespace berth::http

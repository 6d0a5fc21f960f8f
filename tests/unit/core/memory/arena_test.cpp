// The arena: alignment, cleanups, recycling of blocks and frames.
#include "core/memory/arena.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace berth {
namespace {

struct Noting {
    std::string& log;
    char name;
    ~Noting() { log += name; }
};

TEST(Arena, HandsOutAlignedMemoryThatDoesNotOverlap) {
    std::mt19937 random(7);
    Arena arena;
    struct Piece {
        unsigned char* at;
        std::size_t size;
        unsigned char fill;
    };
    std::vector<Piece> pieces;
    for (int i = 0; i < 2000; ++i) {
        const std::size_t alignment = std::size_t{1} << (random() % 8);
        const std::size_t size = random() % (i % 50 == 0 ? 20000 : 200);
        auto* at = static_cast<unsigned char*>(arena.allocate(size, alignment));
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(at) % alignment, 0u);
        const auto fill = static_cast<unsigned char>(i);
        std::memset(at, fill, size);
        pieces.push_back({at, size, fill});
    }
    for (const Piece& piece : pieces) {
        for (std::size_t i = 0; i < piece.size; ++i) ASSERT_EQ(piece.at[i], piece.fill);
    }
}

TEST(Arena, DestroysInReverseOrder) {
    std::string log;
    Arena arena;
    arena.create<Noting>(log, 'a');
    arena.create<int>(5);
    arena.create<Noting>(log, 'b');
    arena.release();
    EXPECT_EQ(log, "ba");
    arena.create<Noting>(log, 'c');
    arena.release();
    EXPECT_EQ(log, "bac");
    EXPECT_EQ(arena.reserved(), 0u);
}

TEST(Arena, LargePiecesLeaveTheCurrentBlockInUse) {
    Arena arena;
    auto* first = static_cast<std::byte*>(arena.allocate(16));
    arena.allocate(100'000);
    auto* second = static_cast<std::byte*>(arena.allocate(16));
    EXPECT_EQ(second, first + 16);
    EXPECT_GE(arena.reserved(), 100'000u + Arena::kBlockSize);
}

TEST(Arena, TakesItsBlocksFromTheThreadsCache) {
    void* first;
    {
        Arena arena;
        first = arena.allocate(64);
    }
    Arena again;
    EXPECT_EQ(again.allocate(64), first);
}

TEST(Arena, FreedFramesAreHandedOutAgain) {
    Arena arena;
    while (arena.reserved() <= Arena::kBlockSize) arena.allocate(512);
    for (const std::size_t size :
         {std::size_t{1}, std::size_t{64}, std::size_t{65}, std::size_t{777}, std::size_t{2048}}) {
        void* frame = arena.allocate_frame(size);
        std::memset(frame, 1, size);
        arena.free_frame(frame, size);
        EXPECT_EQ(arena.allocate_frame(size), frame);
        arena.free_frame(frame, size);
    }
    const std::size_t reserved = arena.reserved();
    for (int i = 0; i < 100'000; ++i) arena.free_frame(arena.allocate_frame(512), 512);
    EXPECT_LE(arena.reserved(), reserved + Arena::kBlockSize);
}

TEST(Arena, FramesOfTheFirstBlockAreLeftBehind) {
    Arena arena;
    void* frame = arena.allocate_frame(64);
    arena.free_frame(frame, 64);
    EXPECT_NE(arena.allocate_frame(64), frame);
    EXPECT_EQ(arena.reserved(), Arena::kBlockSize);
}

TEST(Arena, CopiesText) {
    Arena arena;
    std::string text = "hello";
    const std::string_view copy = arena.copy(text);
    text = "xxxxx";
    EXPECT_EQ(copy, "hello");
    EXPECT_TRUE(arena.copy("").empty());
}

}  // namespace
}  // namespace berth

// The pool of I/O buffers.
#include "core/memory/pool.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace berth {
namespace {

TEST(BufferPool, RoundsUpAndReusesTheWarmestBuffer) {
    BufferPool::trim();
    IoBuffer first = BufferPool::take(1);
    IoBuffer second = BufferPool::take(1000);
    EXPECT_EQ(first.capacity(), 1024u);
    EXPECT_EQ(BufferPool::take(5000).capacity(), 8192u);
    EXPECT_EQ(BufferPool::take(70'000).capacity(), 70'000u);
    char* warm = second.data();
    first.release();
    second.release();
    EXPECT_FALSE(second);
    EXPECT_EQ(BufferPool::take(1024).data(), warm);
    BufferPool::trim();
    EXPECT_EQ(BufferPool::idle_bytes(), 0u);
}

TEST(BufferPool, KeepsABoundedAmount) {
    BufferPool::trim();
    {
        std::vector<IoBuffer> many;
        for (int i = 0; i < 100; ++i) many.push_back(BufferPool::take(64 * 1024));
    }
    EXPECT_EQ(BufferPool::idle_bytes(), BufferPool::kKeptBytesPerSize);
    BufferPool::trim();
}

TEST(BufferPool, GrowKeepsTheContent) {
    IoBuffer buffer = BufferPool::take(1024);
    std::memcpy(buffer.data(), "content", 7);
    buffer.grow(9000, 7);
    EXPECT_EQ(buffer.capacity(), 16384u);
    EXPECT_EQ(std::memcmp(buffer.data(), "content", 7), 0);
    char* same = buffer.data();
    buffer.grow(10, 7);
    EXPECT_EQ(buffer.data(), same);
    IoBuffer empty;
    empty.grow(10, 0);
    EXPECT_EQ(empty.capacity(), 1024u);
}

TEST(BufferPool, ABufferMayEndOnAnotherThread) {
    IoBuffer buffer = BufferPool::take(1024);
    std::size_t there = 0;
    std::thread([&, moved = std::move(buffer)]() mutable {
        moved.release();
        there = BufferPool::idle_bytes();
    }).join();
    EXPECT_EQ(there, 1024u);
}

}  // namespace
}  // namespace berth

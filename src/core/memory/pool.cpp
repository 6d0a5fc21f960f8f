// The per-thread free lists of I/O buffers.
#include "core/memory/pool.hpp"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>

namespace berth {
namespace {

constexpr std::size_t kSizes = 7;
static_assert(BufferPool::kSmallest << (kSizes - 1) == BufferPool::kLargest);

struct Lists {
    std::array<void*, kSizes> heads{};
    std::array<std::size_t, kSizes> counts{};
    bool closed = false;
};
// Trivially destructible, as a buffer may be given back while its thread ends; the closer empties the lists.
thread_local Lists lists;

void* take_idle(std::size_t index) noexcept {
    void* buffer = lists.heads[index];
    if (buffer == nullptr) return nullptr;
    ASAN_UNPOISON_MEMORY_REGION(buffer, BufferPool::kSmallest << index);
    std::memcpy(&lists.heads[index], buffer, sizeof(void*));
    --lists.counts[index];
    return buffer;
}

struct Closer {
    bool armed = false;
    ~Closer() {
        BufferPool::trim();
        lists.closed = true;
    }
};
thread_local Closer closer;

std::size_t index_of(std::size_t capacity) noexcept {
    return static_cast<std::size_t>(std::countr_zero(capacity / BufferPool::kSmallest));
}

}  // namespace

IoBuffer BufferPool::take(std::size_t size) {
    const bool pooled = size <= kLargest;
    const std::size_t capacity = pooled ? std::bit_ceil(std::max(size, kSmallest)) : size;
    void* data = pooled ? take_idle(index_of(capacity)) : nullptr;
    if (data == nullptr) data = std::malloc(capacity);
    if (data == nullptr) std::abort();
    return {static_cast<char*>(data), capacity};
}

void BufferPool::give_back(char* data, std::size_t capacity) noexcept {
    const std::size_t index = capacity <= kLargest ? index_of(capacity) : kSizes;
    if (index == kSizes || lists.closed || (lists.counts[index] + 1) * capacity > kKeptBytesPerSize) {
        std::free(data);
        return;
    }
    closer.armed = true;  // the first use registers the destructor
    std::memcpy(data, &lists.heads[index], sizeof(void*));
    lists.heads[index] = data;
    ++lists.counts[index];
    ASAN_POISON_MEMORY_REGION(data, capacity);
}

std::size_t BufferPool::idle_bytes() noexcept {
    std::size_t total = 0;
    for (std::size_t i = 0; i < kSizes; ++i) total += lists.counts[i] * (kSmallest << i);
    return total;
}

void BufferPool::trim() noexcept {
    for (std::size_t i = 0; i < kSizes; ++i) {
        while (void* buffer = take_idle(i)) std::free(buffer);
    }
}

void IoBuffer::give_back() noexcept {
    BufferPool::give_back(data_, capacity_);
    data_ = nullptr;
    capacity_ = 0;
}

void IoBuffer::grow(std::size_t size, std::size_t keep) {
    if (size <= capacity_) return;
    IoBuffer larger = BufferPool::take(size);
    keep = std::min(keep, capacity_);
    if (keep > 0) std::memcpy(larger.data_, data_, keep);
    *this = std::move(larger);
}

}  // namespace berth

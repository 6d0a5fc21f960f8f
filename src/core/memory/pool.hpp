// BufferPool: I/O buffers that are taken for a read or a write and go back at once.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace berth {

// The owner of one I/O buffer. It may be moved to another thread: the buffer then returns to that thread's
// lists.
class IoBuffer {
 public:
    IoBuffer() = default;
    IoBuffer(IoBuffer&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
    IoBuffer& operator=(IoBuffer&& other) noexcept {
        if (this != &other) {
            release();
            data_ = std::exchange(other.data_, nullptr);
            capacity_ = std::exchange(other.capacity_, 0);
        }
        return *this;
    }
    ~IoBuffer() { release(); }

    char* data() const noexcept { return data_; }
    std::size_t capacity() const noexcept { return capacity_; }
    std::span<char> span() const noexcept { return {data_, capacity_}; }
    explicit operator bool() const noexcept { return data_ != nullptr; }

    // Gives the buffer back; this one is empty then.
    void release() noexcept {
        if (data_ != nullptr) give_back();
    }

    // Makes room for at least `size` bytes. The first `keep` bytes (at most the old capacity) stay; pointers
    // into the old buffer do not. Never shrinks.
    void grow(std::size_t size, std::size_t keep);

 private:
    friend class BufferPool;
    IoBuffer(char* data, std::size_t capacity) : data_(data), capacity_(capacity) {}
    void give_back() noexcept;

    char* data_ = nullptr;
    std::size_t capacity_ = 0;
};

// Free lists per thread, last in first out (the warmest buffer is used next), for 1, 2, 4 … 64 KiB. Each list
// is bounded; what does not fit goes back to malloc. Larger buffers are never kept.
class BufferPool {
 public:
    static constexpr std::size_t kSmallest = 1024;
    static constexpr std::size_t kLargest = 64 * 1024;
    static constexpr std::size_t kKeptBytesPerSize = 1024 * 1024;  // at most this much lies unused per size

    // An uninitialised buffer of at least `size` bytes, rounded up to the next size of the pool.
    static IoBuffer take(std::size_t size);

    // Bytes lying unused on this thread's lists.
    static std::size_t idle_bytes() noexcept;
    // Frees everything on this thread's lists.
    static void trim() noexcept;

 private:
    friend class IoBuffer;
    static void give_back(char* data, std::size_t capacity) noexcept;
};

}  // namespace berth

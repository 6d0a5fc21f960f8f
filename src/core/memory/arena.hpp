// Arena: memory that is taken piece by piece and given back all at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace berth {

// A bump allocator for one request, one connection or one configuration. Single-threaded. Whatever it handed
// out lives until release() or its destruction. Standard blocks come from and return to a small per-thread
// cache, so a request costs no malloc in the steady state. Allocation failure ends the process: there is no
// meaningful recovery from running out of memory in the middle of a request.
class Arena {
 public:
    static constexpr std::size_t kBlockSize = 4096;

    Arena() = default;
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;
    ~Arena() { release(); }

    // Uninitialised memory; sizes above a block get a block of their own.
    void* allocate(std::size_t size, std::size_t alignment = alignof(std::max_align_t));

    // Constructs a T that lives as long as the arena. A T with a destructor is registered, and destroyed at
    // release() in reverse order of construction.
    template <class T, class... Args>
    T* create(Args&&... args);

    // An uninitialised array of trivial objects.
    template <class T>
    std::span<T> array(std::size_t count) {
        static_assert(std::is_trivially_destructible_v<T>);
        return {static_cast<T*>(allocate(count * sizeof(T), alignof(T))), count};
    }

    // A copy of the text (without a terminating NUL).
    std::string_view copy(std::string_view text);

    // Memory for coroutine frames: beyond the first block, freed frames are kept on lists by size class and
    // handed out again, so that a long relay allocates O(1) memory. `size` must be the same at both calls.
    void* allocate_frame(std::size_t size);
    void free_frame(void* frame, std::size_t size) noexcept;

    // Destroys what create() registered, in reverse order, and gives all memory back. The arena is as new
    // after it.
    void release() noexcept;

    // Bytes taken from the system or the block cache so far; for limits and tests.
    std::size_t reserved() const noexcept { return reserved_; }

 private:
    struct Block;
    struct Cleanup {
        Cleanup* next;
        void (*destroy)(void*) noexcept;
        void* object;
    };
    struct FreeFrame {
        FreeFrame* next;
    };
    static constexpr std::size_t kFrameClasses = 32;  // of 64 bytes each: frames up to 2 KiB are recycled

    void* allocate_slow(std::size_t size, std::size_t alignment);
    void keep_frame(void* frame, std::size_t size_class) noexcept;
    void register_cleanup(void (*destroy)(void*) noexcept, void* object);

    std::byte* cursor_ = nullptr;
    std::byte* limit_ = nullptr;
    Block* blocks_ = nullptr;
    Cleanup* cleanups_ = nullptr;
    FreeFrame** free_frames_ = nullptr;  // kFrameClasses lists, allocated at the first freed frame
    std::size_t reserved_ = 0;
};

inline void* Arena::allocate(std::size_t size, std::size_t alignment) {
    const auto at = reinterpret_cast<std::uintptr_t>(cursor_);
    const std::uintptr_t aligned = (at + alignment - 1) & ~(static_cast<std::uintptr_t>(alignment) - 1);
    const std::uintptr_t limit = reinterpret_cast<std::uintptr_t>(limit_);
    if (cursor_ == nullptr || aligned > limit || size > limit - aligned)
        return allocate_slow(size, alignment);
    cursor_ = reinterpret_cast<std::byte*>(aligned + size);
    return reinterpret_cast<void*>(aligned);
}

template <class T, class... Args>
T* Arena::create(Args&&... args) {
    T* object = new (allocate(sizeof(T), alignof(T))) T(std::forward<Args>(args)...);
    if constexpr (!std::is_trivially_destructible_v<T>) {
        register_cleanup([](void* p) noexcept { static_cast<T*>(p)->~T(); }, object);
    }
    return object;
}

}  // namespace berth

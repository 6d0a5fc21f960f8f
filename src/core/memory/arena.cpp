// The arena's slow paths, and the per-thread cache of its blocks.
#include "core/memory/arena.hpp"

#include <sanitizer/asan_interface.h>

#include <cstdlib>
#include <cstring>

namespace berth {

struct alignas(std::max_align_t) Arena::Block {
    Block* next;
    std::size_t size;  // with this header
};

namespace {

constexpr unsigned kCachedBlocks = 64;

// Trivial on purpose: an arena that is released while its thread ends may still look at it.
struct BlockCache {
    void* head;
    unsigned count;
    bool closed;
};
thread_local BlockCache cache;

void* take_cached() noexcept {
    void* block = cache.head;
    if (block == nullptr) return nullptr;
    ASAN_UNPOISON_MEMORY_REGION(block, Arena::kBlockSize);
    std::memcpy(&cache.head, block, sizeof cache.head);
    --cache.count;
    return block;
}

struct CacheCloser {
    bool armed = false;
    ~CacheCloser() {
        while (void* block = take_cached()) std::free(block);
        cache.closed = true;
    }
};
thread_local CacheCloser closer;

void give_to_cache(void* block) noexcept {
    if (cache.closed || cache.count >= kCachedBlocks) {
        std::free(block);
        return;
    }
    closer.armed = true;  // the first use registers the destructor
    std::memcpy(block, &cache.head, sizeof cache.head);
    cache.head = block;
    ++cache.count;
    ASAN_POISON_MEMORY_REGION(block, Arena::kBlockSize);
}

void* checked_malloc(std::size_t size) {
    void* memory = std::malloc(size);
    if (memory == nullptr) std::abort();
    return memory;
}

std::byte* align_up(std::byte* at, std::size_t alignment) noexcept {
    const auto value = reinterpret_cast<std::uintptr_t>(at);
    return at + ((alignment - value % alignment) % alignment);
}

}  // namespace

void* Arena::allocate_slow(std::size_t size, std::size_t alignment) {
    const std::size_t slack = alignment > alignof(Block) ? alignment : 0;
    if (size > SIZE_MAX - sizeof(Block) - slack) std::abort();
    const std::size_t needed = sizeof(Block) + slack + size;
    const bool standard = needed <= kBlockSize;
    const std::size_t taken = standard ? kBlockSize : needed;

    void* memory = standard ? take_cached() : nullptr;
    if (memory == nullptr) memory = checked_malloc(taken);
    blocks_ = new (memory) Block{blocks_, taken};
    reserved_ += taken;

    std::byte* start = align_up(reinterpret_cast<std::byte*>(blocks_ + 1), alignment);
    // A block of its own is full at once: the current block, which has room left, stays the current one.
    if (standard) {
        cursor_ = start + size;
        limit_ = static_cast<std::byte*>(memory) + taken;
    }
    return start;
}

std::string_view Arena::copy(std::string_view text) {
    if (text.empty()) return {};
    char* place = static_cast<char*>(allocate(text.size(), 1));
    std::memcpy(place, text.data(), text.size());
    return {place, text.size()};
}

void* Arena::allocate_frame(std::size_t size) {
    const std::size_t size_class = size == 0 ? 0 : (size - 1) / 64;
    if (size_class >= kFrameClasses) return allocate(size);
    if (free_frames_ != nullptr && free_frames_[size_class] != nullptr) {
        FreeFrame* frame = free_frames_[size_class];
        ASAN_UNPOISON_MEMORY_REGION(frame, (size_class + 1) * 64);
        free_frames_[size_class] = frame->next;
        return frame;
    }
    return allocate((size_class + 1) * 64);
}

// What lives in its first block ends before it would want a frame again.
void Arena::free_frame(void* frame, std::size_t size) noexcept {
    const std::size_t size_class = size == 0 ? 0 : (size - 1) / 64;
    if (size_class >= kFrameClasses) return;
    if (reserved_ > kBlockSize) keep_frame(frame, size_class);
    ASAN_POISON_MEMORY_REGION(frame, (size_class + 1) * 64);
}

void Arena::keep_frame(void* frame, std::size_t size_class) noexcept {
    if (free_frames_ == nullptr) {
        free_frames_ = array<FreeFrame*>(kFrameClasses).data();
        std::memset(free_frames_, 0, kFrameClasses * sizeof *free_frames_);
    }
    free_frames_[size_class] = new (frame) FreeFrame{free_frames_[size_class]};
}

void Arena::register_cleanup(void (*destroy)(void*) noexcept, void* object) {
    cleanups_ = new (allocate(sizeof(Cleanup), alignof(Cleanup))) Cleanup{cleanups_, destroy, object};
}

void Arena::release() noexcept {
    while (cleanups_ != nullptr) {
        const Cleanup cleanup = *cleanups_;
        cleanups_ = cleanup.next;
        cleanup.destroy(cleanup.object);
    }
    while (blocks_ != nullptr) {
        Block* block = blocks_;
        blocks_ = block->next;
        ASAN_UNPOISON_MEMORY_REGION(block, block->size);
        if (block->size == kBlockSize) {
            give_to_cache(block);
        } else {
            std::free(block);
        }
    }
    cursor_ = limit_ = nullptr;
    free_frames_ = nullptr;
    reserved_ = 0;
}

}  // namespace berth

// Slab: an allocator inside a fixed piece of (shared) memory, which it never leaves.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>

namespace berth {

// Objects up to 2 KiB come from pages of one size class each; larger ones are runs of whole pages. All
// bookkeeping is inside the memory itself, and all processes see that memory at the same address (it is
// mapped before they are forked), so pointers into it may be stored in it.
//
// Not synchronised: every call is made under the zone's SharedLock. What a call does is ordered so that a
// process killed in the middle of one leaves at worst a lost object: after a lock was recovered(), rebuild()
// makes everything consistent again. Running out of memory is an answer (nullptr), never the end of the
// process.
class Slab {
 public:
    static constexpr std::size_t kPageSize = 4096;
    static constexpr std::size_t kMinimum = 8 * kPageSize;

    struct Stats {
        std::size_t pages = 0;       // pages that can hold data
        std::size_t free_pages = 0;  // of these, pages that nothing uses
        std::uint64_t allocations = 0;
        std::uint64_t failures = 0;   // allocations that found no room
        std::uint64_t bad_frees = 0;  // pointers that free() refused: freed twice, or never handed out
        std::size_t used_bytes = 0;   // handed out, in whole size classes
    };

    // Makes a slab of this memory (page-aligned, at least kMinimum bytes), whose first bytes become the Slab
    // itself. It is never destroyed: it ends with its memory. Null when the memory is too small.
    static Slab* format(std::span<std::byte> memory) noexcept;

    // Uninitialised memory, aligned for every type of up to `size` bytes and 64 bytes alignment; null when
    // there is none.
    void* allocate(std::size_t size) noexcept;
    // Zeroed.
    void* allocate_zeroed(std::size_t size) noexcept;
    template <class T, class... Args>
    T* create(Args&&... args) noexcept {
        static_assert(alignof(T) <= 64);
        void* place = allocate(sizeof(T));
        return place == nullptr ? nullptr : new (place) T(static_cast<Args&&>(args)...);
    }
    // A copy of the text; a view with null data when there is no room. Free it with
    // free(const_cast<char*>(v.data())).
    std::string_view copy(std::string_view text) noexcept;

    // Gives it back. False, counted and otherwise ignored, when this pointer was not handed out or was freed
    // already; such a call is a bug of the caller. Null is fine.
    bool free(void* pointer) noexcept;

    // Bytes that a pointer from allocate() really has; 0 for a pointer that is not one.
    std::size_t capacity(const void* pointer) const noexcept;

    // Whether all bookkeeping agrees; walks everything.
    bool consistent() const noexcept;
    // Restores the lists and counters from the page table after a holder of the lock died. Keeps every
    // allocation.
    void rebuild() noexcept;

    Stats stats() const noexcept;

    Slab(const Slab&) = delete;
    Slab& operator=(const Slab&) = delete;

 private:
    static constexpr std::array<std::uint16_t, 16> kSizes = {8,   16,  24,  32,  48,  64,   96,   128,
                                                             192, 256, 384, 512, 768, 1024, 1344, 2048};
    static constexpr std::uint32_t kNone = 0xffffffff;
    enum class Kind : std::uint8_t {
        free,
        slots,
        run,
        rest
    };  // rest: inside a free range or a run, not its first

    // What is known of one page. `kind`, `size_class`, `length` of a run and `taken` are the truth; the rest
    // can be rebuilt.
    struct Page {
        Kind kind = Kind::free;
        std::uint8_t size_class = 0;
        bool listed = false;       // slots: on the list of pages with room
        std::uint16_t used = 0;    // slots: how many are taken
        std::uint32_t length = 0;  // free, run: pages from here on; also at the last page of a free range
        std::uint32_t prev = kNone;
        std::uint32_t next = kNone;
        std::array<std::uint64_t, 8> taken{};
    };

    Slab(Page* pages, std::byte* data, std::uint32_t count) noexcept;
    static unsigned class_of(std::size_t size) noexcept;
    static unsigned slots_of(unsigned size_class) noexcept {
        return static_cast<unsigned>(kPageSize / kSizes[size_class]);
    }
    std::byte* address(std::uint32_t page) const noexcept { return data_ + page * kPageSize; }
    std::uint32_t page_of(const void* pointer) const noexcept;

    void* allocate_slot(unsigned size_class) noexcept;
    std::uint32_t allocate_run(std::uint32_t length) noexcept;
    bool free_slot(std::uint32_t page, void* pointer) noexcept;
    void free_run(std::uint32_t page, std::uint32_t length) noexcept;
    void link(std::uint32_t& list, std::uint32_t page) noexcept;
    void unlink(std::uint32_t& list, std::uint32_t page) noexcept;
    void mark_free(std::uint32_t page, std::uint32_t length) noexcept;
    std::uint32_t settle_page(std::uint32_t page) noexcept;

    Page* pages_;
    std::byte* data_;
    std::uint32_t count_;
    std::uint32_t free_ranges_ = kNone;
    std::array<std::uint32_t, kSizes.size()> with_room_;
    Stats stats_;
};

}  // namespace berth

// The slab allocator: a page table, slots in pages, and runs of pages.
#include "core/memory/slab.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

namespace berth {
namespace {

// The one barrier this file needs: a process may be killed between any two stores, and what it wrote before
// must have been written in the order the code says. (Other processes see the memory only through the lock.)
void in_this_order() noexcept { std::atomic_signal_fence(std::memory_order_seq_cst); }

}  // namespace

Slab::Slab(Page* pages, std::byte* data, std::uint32_t count) noexcept
    : pages_(pages), data_(data), count_(count) {
    with_room_.fill(kNone);
    for (std::uint32_t i = 0; i < count; ++i) new (pages + i) Page;
    rebuild();
}

Slab* Slab::format(std::span<std::byte> memory) noexcept {
    if (memory.size() < kMinimum) return nullptr;
    const std::size_t table = (sizeof(Slab) + alignof(Page) - 1) / alignof(Page) * alignof(Page);
    std::size_t count = (memory.size() - table) / (kPageSize + sizeof(Page));
    count = std::min<std::size_t>(count, kNone - 1);
    const std::size_t head = (table + count * sizeof(Page) + kPageSize - 1) / kPageSize * kPageSize;
    count = std::min(count, (memory.size() - head) / kPageSize);
    auto* pages = reinterpret_cast<Page*>(memory.data() + table);
    return new (memory.data()) Slab(pages, memory.data() + head, static_cast<std::uint32_t>(count));
}

unsigned Slab::class_of(std::size_t size) noexcept {
    return static_cast<unsigned>(std::lower_bound(kSizes.begin(), kSizes.end(), size) - kSizes.begin());
}

std::uint32_t Slab::page_of(const void* pointer) const noexcept {
    const auto at = reinterpret_cast<std::uintptr_t>(pointer);
    const auto first = reinterpret_cast<std::uintptr_t>(data_);
    if (at < first || (at - first) / kPageSize >= count_) return kNone;
    return static_cast<std::uint32_t>((at - first) / kPageSize);
}

void Slab::link(std::uint32_t& list, std::uint32_t page) noexcept {
    pages_[page].prev = kNone;
    pages_[page].next = list;
    if (list != kNone) pages_[list].prev = page;
    list = page;
}

void Slab::unlink(std::uint32_t& list, std::uint32_t page) noexcept {
    const Page& p = pages_[page];
    (p.prev == kNone ? list : pages_[p.prev].next) = p.next;
    if (p.next != kNone) pages_[p.next].prev = p.prev;
}

// Writes a free range into the table: its length at both ends, so that a neighbour finds the other end.
void Slab::mark_free(std::uint32_t page, std::uint32_t length) noexcept {
    pages_[page + length - 1].kind = Kind::rest;
    pages_[page + length - 1].length = length;
    pages_[page].length = length;
    pages_[page].kind = Kind::free;
    link(free_ranges_, page);
}

std::uint32_t Slab::allocate_run(std::uint32_t length) noexcept {
    std::uint32_t page = free_ranges_;
    while (page != kNone && pages_[page].length < length) page = pages_[page].next;
    if (page == kNone) return kNone;
    const std::uint32_t whole = pages_[page].length;
    unlink(free_ranges_, page);
    // The rest becomes a free range before the run becomes a run: in between, the run's pages belong to
    // nobody, which rebuild() reads as free.
    if (whole > length) mark_free(page + length, whole - length);
    in_this_order();
    for (std::uint32_t i = 1; i < length; ++i) {
        pages_[page + i].kind = Kind::rest;
        pages_[page + i].length = 0;
    }
    pages_[page].length = length;
    in_this_order();
    pages_[page].kind = Kind::run;
    stats_.free_pages -= length;
    return page;
}

void Slab::free_run(std::uint32_t page, std::uint32_t length) noexcept {
    pages_[page].kind = Kind::free;
    stats_.free_pages += length;
    const std::uint32_t after = page + length;
    if (after < count_ && pages_[after].kind == Kind::free) {
        unlink(free_ranges_, after);
        pages_[after].kind = Kind::rest;
        length += pages_[after].length;
    }
    // The page before belongs to a free range if that range's two ends agree about its length.
    if (page > 0) {
        std::uint32_t before = page - 1;
        if (pages_[before].kind == Kind::rest && pages_[before].length > 0 && pages_[before].length <= page) {
            before = page - pages_[before].length;
        }
        if (pages_[before].kind == Kind::free && before + pages_[before].length == page) {
            unlink(free_ranges_, before);
            pages_[page].kind = Kind::rest;
            length += page - before;
            page = before;
        }
    }
    mark_free(page, length);
}

void* Slab::allocate_slot(unsigned size_class) noexcept {
    std::uint32_t index = with_room_[size_class];
    if (index == kNone) {
        index = allocate_run(1);
        if (index == kNone) return nullptr;
        Page& fresh = pages_[index];
        fresh.size_class = static_cast<std::uint8_t>(size_class);
        fresh.used = 0;
        fresh.taken.fill(0);
        in_this_order();
        fresh.kind = Kind::slots;
        fresh.listed = true;
        link(with_room_[size_class], index);
    }
    Page& page = pages_[index];
    std::size_t word = 0;
    while (~page.taken[word] == 0) ++word;
    const auto bit = static_cast<unsigned>(std::countr_one(page.taken[word]));
    page.taken[word] |= std::uint64_t{1} << bit;
    if (++page.used == slots_of(size_class)) {
        unlink(with_room_[size_class], index);
        page.listed = false;
    }
    return address(index) + (word * 64 + bit) * kSizes[size_class];
}

bool Slab::free_slot(std::uint32_t index, void* pointer) noexcept {
    Page& page = pages_[index];
    const auto offset = static_cast<std::size_t>(static_cast<std::byte*>(pointer) - address(index));
    const std::size_t slot = offset / kSizes[page.size_class];
    if (offset % kSizes[page.size_class] != 0 || slot >= slots_of(page.size_class)) return false;
    const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
    if ((page.taken[slot / 64] & bit) == 0) return false;
    page.taken[slot / 64] &= ~bit;
    --page.used;
    if (!page.listed) {
        page.listed = true;
        link(with_room_[page.size_class], index);
    }
    // An empty page goes back, unless it is the only one of its class with room: it would be wanted again at
    // once.
    if (page.used == 0 && (page.prev != kNone || page.next != kNone)) {
        unlink(with_room_[page.size_class], index);
        page.listed = false;
        free_run(index, 1);
    }
    return true;
}

void* Slab::allocate(std::size_t size) noexcept {
    void* place = nullptr;
    std::size_t taken = 0;
    if (size <= kSizes.back()) {
        const unsigned size_class = class_of(size);
        taken = kSizes[size_class];
        place = allocate_slot(size_class);
    } else if (size <= std::size_t{count_} * kPageSize) {
        const auto length = static_cast<std::uint32_t>((size + kPageSize - 1) / kPageSize);
        taken = length * kPageSize;
        const std::uint32_t page = allocate_run(length);
        if (page != kNone) place = address(page);
    }
    if (place == nullptr) {
        ++stats_.failures;
        return nullptr;
    }
    ++stats_.allocations;
    stats_.used_bytes += taken;
    return place;
}

void* Slab::allocate_zeroed(std::size_t size) noexcept {
    void* place = allocate(size);
    if (place != nullptr) std::memset(place, 0, size);
    return place;
}

std::string_view Slab::copy(std::string_view text) noexcept {
    auto* place = static_cast<char*>(allocate(text.size()));
    if (place == nullptr) return {};
    std::copy(text.begin(), text.end(), place);
    return {place, text.size()};
}

bool Slab::free(void* pointer) noexcept {
    if (pointer == nullptr) return true;
    const std::size_t size = capacity(pointer);
    const std::uint32_t page = page_of(pointer);
    bool freed = false;
    if (size != 0 && pages_[page].kind == Kind::slots) {
        freed = free_slot(page, pointer);
    } else if (size != 0) {
        free_run(page, pages_[page].length);
        freed = true;
    }
    if (!freed) {
        ++stats_.bad_frees;
        return false;
    }
    stats_.used_bytes -= size;
    return true;
}

std::size_t Slab::capacity(const void* pointer) const noexcept {
    const std::uint32_t index = page_of(pointer);
    if (index == kNone) return 0;
    const Page& page = pages_[index];
    const auto offset = static_cast<std::size_t>(static_cast<const std::byte*>(pointer) - address(index));
    if (page.kind == Kind::run) return offset == 0 ? page.length * kPageSize : 0;
    if (page.kind != Kind::slots) return 0;
    const std::size_t size = kSizes[page.size_class];
    const std::size_t slot = offset / size;
    const bool handed_out = offset % size == 0 && slot < slots_of(page.size_class) &&
                            (page.taken[slot / 64] >> (slot % 64) & 1) != 0;
    return handed_out ? size : 0;
}

Slab::Stats Slab::stats() const noexcept {
    Stats stats = stats_;
    stats.pages = count_;
    return stats;
}

// Puts one page into order and returns how many pages it stands for; 0 when it is free.
std::uint32_t Slab::settle_page(std::uint32_t index) noexcept {
    Page& page = pages_[index];
    if (page.kind == Kind::run && page.length > 0 && page.length <= count_ - index) {
        stats_.used_bytes += page.length * kPageSize;
        return page.length;
    }
    if (page.kind != Kind::slots || page.size_class >= kSizes.size()) return 0;
    page.used = 0;
    for (const std::uint64_t word : page.taken)
        page.used = static_cast<std::uint16_t>(page.used + std::popcount(word));
    if (page.used == 0) return 0;
    stats_.used_bytes += std::size_t{page.used} * kSizes[page.size_class];
    page.listed = page.used < slots_of(page.size_class);
    if (page.listed) link(with_room_[page.size_class], index);
    return 1;
}

void Slab::rebuild() noexcept {
    free_ranges_ = kNone;
    with_room_.fill(kNone);
    stats_.free_pages = 0;
    stats_.used_bytes = 0;
    std::uint32_t free_from = 0;
    const auto close_range = [&](std::uint32_t end) {
        if (end == free_from) return;
        mark_free(free_from, end - free_from);
        stats_.free_pages += end - free_from;
    };
    for (std::uint32_t index = 0; index < count_;) {
        const std::uint32_t used = settle_page(index);
        if (used == 0) {
            pages_[index].kind = Kind::rest;
            pages_[index].length = 0;
            ++index;
            continue;
        }
        close_range(index);
        index += used;
        free_from = index;
    }
    close_range(count_);
}

bool Slab::consistent() const noexcept {
    std::size_t free_pages = 0;
    std::size_t used_bytes = 0;
    std::size_t ranges = 0;
    std::size_t roomy = 0;
    for (std::uint32_t index = 0; index < count_;) {
        const Page& page = pages_[index];
        std::uint32_t length = 1;
        if (page.kind == Kind::slots) {
            std::size_t used = 0;
            for (const std::uint64_t word : page.taken) used += static_cast<std::size_t>(std::popcount(word));
            if (used != page.used || page.listed != (used < slots_of(page.size_class))) return false;
            used_bytes += used * kSizes[page.size_class];
            roomy += page.listed ? 1 : 0;
        } else if (page.kind == Kind::rest || page.length == 0 || page.length > count_ - index) {
            return false;
        } else {
            length = page.length;
            if (page.kind == Kind::run) used_bytes += length * kPageSize;
            if (page.kind == Kind::free) free_pages += length, ++ranges;
            if (page.kind == Kind::free && pages_[index + length - 1].length != length) return false;
        }
        index += length;
    }
    // The lists must have exactly these members; a ring or a stray is found by walking no further than that.
    const auto walk = [&](std::uint32_t list, std::size_t& left) {
        for (; list != kNone && left > 0; list = pages_[list].next) --left;
        return list == kNone;
    };
    bool whole = walk(free_ranges_, ranges);
    for (const std::uint32_t list : with_room_) whole = walk(list, roomy) && whole;
    return whole && ranges == 0 && roomy == 0 && free_pages == stats_.free_pages &&
           used_bytes == stats_.used_bytes;
}

}  // namespace berth

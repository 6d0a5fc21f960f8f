// StringMap and FixedStringMap: small, case-insensitive maps from names (header fields, types) to values.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/text/ascii.hpp"

namespace berth {

// Filled once and asked often. Keys are kept in lowercase; lookups fold the case themselves. Values stay
// where they are for the map's lifetime. Open addressing, at most half full; iteration is in order of
// insertion.
template <class T>
class StringMap {
 public:
    using Entry = std::pair<const std::string, T>;

    // The value at `key`, and whether it is new; an existing value is left alone.
    std::pair<T*, bool> insert(std::string_view key, T value) {
        if (T* found = find(key)) return {found, false};
        if ((entries_.size() + 1) * 2 > slots_.size()) rehash(slots_.empty() ? 16 : slots_.size() * 2);
        entries_.emplace_back(ascii::lowercase(key), std::move(value));
        place(entries_.back().first, static_cast<std::uint32_t>(entries_.size()));
        return {&entries_.back().second, true};
    }

    const T* find(std::string_view key) const noexcept {
        if (slots_.empty()) return nullptr;
        const std::size_t mask = slots_.size() - 1;
        const std::uint64_t hash = ascii::ihash(key);
        for (std::size_t at = hash & mask; slots_[at].entry != 0; at = (at + 1) & mask) {
            if (slots_[at].tag != tag_of(hash)) continue;
            const Entry& entry = entries_[slots_[at].entry - 1];
            if (ascii::iequals(entry.first, key)) return &entry.second;
        }
        return nullptr;
    }
    T* find(std::string_view key) noexcept { return const_cast<T*>(std::as_const(*this).find(key)); }
    bool contains(std::string_view key) const noexcept { return find(key) != nullptr; }

    std::size_t size() const noexcept { return entries_.size(); }
    bool empty() const noexcept { return entries_.empty(); }
    auto begin() const noexcept { return entries_.begin(); }
    auto end() const noexcept { return entries_.end(); }

 private:
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t entry = 0;  // index + 1; 0: free
    };
    static std::uint32_t tag_of(std::uint64_t hash) noexcept {
        return static_cast<std::uint32_t>(hash >> 32);
    }

    void place(std::string_view key, std::uint32_t entry) {
        const std::size_t mask = slots_.size() - 1;
        const std::uint64_t hash = ascii::ihash(key);
        std::size_t at = hash & mask;
        while (slots_[at].entry != 0) at = (at + 1) & mask;
        slots_[at] = {tag_of(hash), entry};
    }
    void rehash(std::size_t size) {
        slots_.assign(size, Slot{});
        std::uint32_t number = 0;
        for (const Entry& entry : entries_) place(entry.first, ++number);
    }

    std::vector<Slot> slots_;
    std::deque<Entry> entries_;
};

// The same, built by the compiler from a table that never changes. Keys are views of literals; a key given
// twice does not compile.
//
//     constexpr auto kMethods = fixed_string_map<int>({{"get", 1}, {"head", 2}});
template <class T, std::size_t N>
class FixedStringMap {
 public:
    using Entry = std::pair<std::string_view, T>;

    constexpr explicit FixedStringMap(const Entry (&table)[N]) {
        for (std::size_t i = 0; i < N; ++i) {
            entries_[i] = table[i];
            std::size_t at = ascii::ihash(table[i].first) & (kSlots - 1);
            while (slots_[at] != 0) {
                if (ascii::iequals(entries_[slots_[at] - 1u].first, table[i].first))
                    throw "a key is given twice";
                at = (at + 1) & (kSlots - 1);
            }
            slots_[at] = static_cast<std::uint16_t>(i + 1);
        }
    }

    constexpr const T* find(std::string_view key) const noexcept {
        for (std::size_t at = ascii::ihash(key) & (kSlots - 1); slots_[at] != 0;
             at = (at + 1) & (kSlots - 1)) {
            const Entry& entry = entries_[slots_[at] - 1u];
            if (ascii::iequals(entry.first, key)) return &entry.second;
        }
        return nullptr;
    }
    constexpr std::size_t size() const noexcept { return N; }
    constexpr auto begin() const noexcept { return entries_.begin(); }
    constexpr auto end() const noexcept { return entries_.end(); }

 private:
    static constexpr std::size_t kSlots = [] {
        std::size_t slots = 4;
        while (slots < N * 3) slots *= 2;
        return slots;
    }();

    std::array<Entry, N> entries_{};
    std::array<std::uint16_t, kSlots> slots_{};
};

template <class T, std::size_t N>
constexpr FixedStringMap<T, N> fixed_string_map(const std::pair<std::string_view, T> (&table)[N]) {
    return FixedStringMap<T, N>(table);
}

}  // namespace berth

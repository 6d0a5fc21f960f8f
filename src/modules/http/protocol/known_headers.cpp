// The header fields that the server knows by number: a perfect hash over their names, found by the compiler.
#include "modules/http/protocol/known_headers.hpp"

#include <array>
#include <cstring>

#include "core/text/ascii.hpp"

namespace berth::http {
namespace {

constexpr std::array<std::string_view, kKnownHeaderCount> kNames = {"",
#define X(id, text) text,
                                                                    BERTH_KNOWN_HEADERS(X)
#undef X
};

constexpr std::size_t kLongest = [] {
    std::size_t longest = 0;
    for (const std::string_view name : kNames) longest = name.size() > longest ? name.size() : longest;
    return longest;
}();
constexpr std::size_t kPadded = (kLongest + 7) / 8 * 8;

// Lower case, padded with NUL, so that names compare eight bytes at a time.
using Padded = std::array<char, kPadded>;
constexpr auto kLower = [] {
    std::array<Padded, kKnownHeaderCount> table{};
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        for (std::size_t j = 0; j < kNames[i].size(); ++j) table[i][j] = ascii::to_lower(kNames[i][j]);
    }
    return table;
}();

constexpr unsigned kBits = 11;

// Length and four letters tell all names apart; the multiplier is searched until no two share a slot.
constexpr std::uint32_t features(std::string_view name) noexcept {
    const std::size_t n = name.size();
    const auto at = [name](std::size_t i) { return static_cast<std::uint32_t>(name[i] | 0x20); };
    return (at(0) + at(n - 1) * 31 + static_cast<std::uint32_t>(n) * 57) ^ (at(n / 2) << 9) ^
           (at(n * 3 / 4) << 17) ^ (at(n / 4) << 22);
}
constexpr std::uint32_t slot(std::uint32_t value, std::uint32_t multiplier) noexcept {
    return (value * multiplier) >> (32 - kBits);
}

struct Slot {
    std::uint8_t id = 0;
    std::uint8_t size = 0;  // of the name, 0: free
};
struct Table {
    std::uint32_t multiplier = 0;
    std::array<Slot, 1u << kBits> slots{};
};

constexpr bool fill(Table& table) {
    table.slots = {};
    for (std::size_t i = 1; i < kNames.size(); ++i) {
        Slot& place = table.slots[slot(features(kNames[i]), table.multiplier)];
        if (place.size != 0) return false;
        place = {static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(kNames[i].size())};
    }
    return true;
}

constexpr Table kTable = [] {
    Table table;
    for (std::uint32_t seed = 1; seed < 400; ++seed) {
        table.multiplier = seed * 0x9e3779b1u | 1u;
        if (fill(table)) return table;
    }
    table.multiplier = 0;
    return table;
}();
static_assert(kTable.multiplier != 0, "no multiplier separates the names: change features()");
static_assert(kKnownHeaderCount <= 255);

std::uint64_t load(const char* from) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, from, sizeof word);
    return word;
}

// The first and the last four of at least four bytes.
std::uint64_t load_edges(const char* from, std::size_t size) noexcept {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, from, sizeof first);
    std::memcpy(&last, from + size - sizeof last, sizeof last);
    return std::uint64_t{first} << 32 | last;
}

// True when eight bytes are the same as those of a lower-case name, but for the case of its letters: only a
// letter has bit 6 set in these names, and only there may bit 5 differ.
bool same_word(std::uint64_t word, std::uint64_t lower) noexcept {
    const std::uint64_t may_differ = (lower & 0x4040404040404040u) >> 1;
    return ((word ^ lower) & ~may_differ) == 0;
}

bool same_name(std::string_view name, const char* lower) noexcept {
    const std::size_t size = name.size();
    if (size < 4) {
        for (std::size_t i = 0; i < size; ++i) {
            if (ascii::to_lower(name[i]) != lower[i]) return false;
        }
        return true;
    }
    if (size < 8) return same_word(load_edges(name.data(), size), load_edges(lower, size));
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
        if (!same_word(load(name.data() + at), load(lower + at))) return false;
    }
    return same_word(load(name.data() + size - 8), load(lower + size - 8));
}

}  // namespace

KnownHeader known_header(std::string_view name) noexcept {
    if (name.empty() || name.size() > kLongest) return KnownHeader::unknown;
    const Slot place = kTable.slots[slot(features(name), kTable.multiplier)];
    if (place.size != name.size() || !same_name(name, kLower[place.id].data())) return KnownHeader::unknown;
    return static_cast<KnownHeader>(place.id);
}

std::string_view header_name(KnownHeader id) noexcept { return kNames[static_cast<std::size_t>(id)]; }

}  // namespace berth::http

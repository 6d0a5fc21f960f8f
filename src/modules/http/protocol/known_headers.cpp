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

struct Table {
    std::uint32_t multiplier = 0;
    std::array<std::uint8_t, 1u << kBits> id{};
};

constexpr bool fill(Table& table) {
    table.id = {};
    for (std::size_t i = 1; i < kNames.size(); ++i) {
        std::uint8_t& id = table.id[slot(features(kNames[i]), table.multiplier)];
        if (id != 0) return false;
        id = static_cast<std::uint8_t>(i);
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

std::uint64_t load(const char* from, std::size_t count) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, from, count);
    return word;
}

// True when eight bytes are the same as those of a lower-case name, but for the case of its letters: only a
// letter has bit 6 set in these names, and only there may bit 5 differ.
bool same_word(std::uint64_t word, std::uint64_t lower) noexcept {
    const std::uint64_t may_differ = (lower & 0x4040404040404040u) >> 1;
    return ((word ^ lower) & ~may_differ) == 0;
}

bool same_name(std::string_view name, const char* lower) noexcept {
    const std::size_t size = name.size();
    if (size < 8) {
        for (std::size_t i = 0; i < size; ++i) {
            if (ascii::to_lower(name[i]) != lower[i]) return false;
        }
        return true;
    }
    for (std::size_t at = 0; at + 8 <= size; at += 8) {
        if (!same_word(load(name.data() + at, 8), load(lower + at, 8))) return false;
    }
    return same_word(load(name.data() + size - 8, 8), load(lower + size - 8, 8));
}

}  // namespace

KnownHeader known_header(std::string_view name) noexcept {
    if (name.empty() || name.size() > kLongest) return KnownHeader::unknown;
    const std::uint8_t id = kTable.id[slot(features(name), kTable.multiplier)];
    if (kNames[id].size() != name.size() || !same_name(name, kLower[id].data())) return KnownHeader::unknown;
    return static_cast<KnownHeader>(id);
}

std::string_view header_name(KnownHeader id) noexcept { return kNames[static_cast<std::size_t>(id)]; }

}  // namespace berth::http

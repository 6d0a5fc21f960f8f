// Byte ranges (RFC 9110 14).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/memory/arena.hpp"
#include "modules/http/protocol/conditional.hpp"

namespace berth::http {

struct ByteRange {
    std::uint64_t begin;
    std::uint64_t end;  // one past the last byte

    std::uint64_t length() const noexcept { return end - begin; }
};

struct RangeSet {
    enum class Kind : std::uint8_t { whole, partial, unsatisfiable };
    Kind kind = Kind::whole;
    std::span<const ByteRange> ranges;  // of partial: in the order asked, in the arena, each within the size
};

// Reads a Range value against a representation of `size` bytes. whole (200): not in bytes, more than
// `max_ranges`, or ranges that sum up to more than the representation (overlapping ones would multiply the
// work: CVE-2011-3192), or all of a representation that is empty. unsatisfiable (416): no range begins within
// it, or the syntax is wrong. Ranges beyond the end are cut or left out.
RangeSet parse_range(std::string_view value, std::uint64_t size, std::size_t max_ranges, Arena& arena);

// Whether Range is to be honoured: no If-Range, or one that names this representation (strong tag, or exactly
// its date).
bool if_range_holds(std::string_view if_range, const Validators& known);

// "bytes 0-99/1000" and "bytes */1000".
std::string_view content_range(const ByteRange& range, std::uint64_t size, Arena& arena);
std::string_view content_range_unsatisfied(std::uint64_t size, Arena& arena);

}  // namespace berth::http

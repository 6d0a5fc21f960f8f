// RangeBody: cuts the asked-for ranges out of a body that passes by in chains of any split.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/memory/buffer.hpp"
#include "modules/http/protocol/range.hpp"

namespace berth::http {

class Request;

// Lives in the request's arena, as does everything it points at.
class RangeBody {
 public:
    // One range: its bytes and nothing else.
    static RangeBody single(std::span<const ByteRange> range) { return RangeBody(range, {}, {}); }
    // multipart/byteranges (RFC 9110 14.6): `heads[i]` before the i-th range, `tail` after the last.
    static RangeBody multipart(std::span<const ByteRange> ranges, std::span<const std::string_view> heads,
                               std::string_view tail) {
        return RangeBody(ranges, heads, tail);
    }

    // Ranges ascend and do not overlap.
    std::span<const ByteRange> ranges() const noexcept { return ranges_; }
    // Bytes it will have given when the body has passed.
    std::uint64_t length() const noexcept;

    // Replaces the next part of the body by what of it is to be sent. New nodes come from the arena.
    void cut(Arena& arena, Chain& chain);

 private:
    RangeBody(std::span<const ByteRange> ranges, std::span<const std::string_view> heads,
              std::string_view tail)
        : ranges_(ranges), heads_(heads), tail_(tail) {}
    void cut_node(Arena& arena, const Buffer& node, Chain& out);

    std::span<const ByteRange> ranges_;
    std::span<const std::string_view> heads_;
    std::string_view tail_;
    std::size_t current_ = 0;  // the range that is open or comes next
    std::uint64_t position_ = 0;
};

// Sorts the ranges and joins those that overlap; the result is a part of `ranges`. A body that streams by can
// be cut in ascending order only (RFC 9110 15.3.7.2 allows both).
std::span<const ByteRange> ascending(std::span<ByteRange> ranges);

// The ranges that the range filter has decided to send; empty: the whole body. A producer may know them, so
// as not to read from the disk what is thrown away: after send_head().
std::span<const ByteRange> wanted_ranges(const Request& request);

}  // namespace berth::http

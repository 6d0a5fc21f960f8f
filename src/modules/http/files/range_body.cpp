// Cutting ranges out of chains.
#include "modules/http/files/range_body.hpp"

#include <algorithm>

namespace berth::http {

std::span<const ByteRange> ascending(std::span<ByteRange> ranges) {
    if (ranges.empty()) return ranges;
    std::sort(ranges.begin(), ranges.end(),
              [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
    std::size_t last = 0;
    for (const ByteRange& range : ranges.subspan(1)) {
        if (range.begin < ranges[last].end) {
            ranges[last].end = std::max(ranges[last].end, range.end);
        } else {
            ranges[++last] = range;
        }
    }
    return ranges.first(last + 1);
}

std::uint64_t RangeBody::length() const noexcept {
    std::uint64_t total = tail_.size();
    for (const ByteRange& range : ranges_) total += range.length();
    for (const std::string_view head : heads_) total += head.size();
    return total;
}

void RangeBody::cut(Arena& arena, Chain& chain) {
    Chain out;
    while (Buffer* node = chain.pop()) {
        const bool flush = node->flush;
        cut_node(arena, *node, out);
        if (flush) out.append_flush(arena);
        if (!node->begin_is_own()) Chain::recycle(*node);  // else parts of it are named in `out`
    }
    chain = std::move(out);
}

void RangeBody::cut_node(Arena& arena, const Buffer& node, Chain& out) {
    const std::uint64_t begin = position_;
    const std::uint64_t end = begin + node.size();
    position_ = end;
    while (current_ < ranges_.size() && ranges_[current_].begin < end) {
        const ByteRange& range = ranges_[current_];
        if (range.begin >= begin && !heads_.empty()) out.append_text(arena, heads_[current_]);
        const std::uint64_t from = std::max(range.begin, begin) - begin;
        const std::uint64_t to = std::min(range.end, end) - begin;
        if (node.in_file()) {
            out.append_file(arena, node.file, node.file_begin + static_cast<off_t>(from),
                            node.file_begin + static_cast<off_t>(to));
        } else {
            out.append_text(arena, {node.begin + from, static_cast<std::size_t>(to - from)});
        }
        if (range.end > end) return;
        if (++current_ == ranges_.size() && !tail_.empty()) out.append_text(arena, tail_);
    }
}

}  // namespace berth::http

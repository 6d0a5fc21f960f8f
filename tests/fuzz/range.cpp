// Fuzzes Range: what is granted lies within the representation and is not more than it.
#include "modules/http/protocol/range.hpp"

#include <cstdlib>
#include <cstring>

namespace {

using namespace berth;
using namespace berth::http;

void require(bool condition) {
    if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::uint64_t total = 0;
    if (size < sizeof total) return 0;
    std::memcpy(&total, data, sizeof total);
    if (data[0] % 2 == 0) total %= 1000;
    const std::string_view value(reinterpret_cast<const char*>(data) + sizeof total, size - sizeof total);
    constexpr std::size_t kMost = 10;
    Arena arena;
    const RangeSet set = parse_range(value, total, kMost, arena);
    require((set.kind == RangeSet::Kind::partial) == !set.ranges.empty());
    require(set.ranges.size() <= kMost);
    std::uint64_t left = total;
    for (const ByteRange& range : set.ranges) {
        require(range.begin < range.end && range.end <= total && range.length() <= left);
        left -= range.length();
        require(content_range(range, total, arena).starts_with("bytes "));
    }
    if_range_holds(value, {"\"x\"", 784111777});
    return 0;
}

// Byte ranges: reading a Range field against the size of what is there.
#include "modules/http/protocol/range.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "core/text/ascii.hpp"
#include "core/text/join.hpp"
#include "core/text/number.hpp"
#include "core/time/http_date.hpp"

namespace berth::http {
namespace {

// A position in decimal; one beyond 64 bits is the largest number, which is beyond every representation.
std::optional<std::uint64_t> parse_position(std::string_view text) noexcept {
    if (text.empty() || !std::all_of(text.begin(), text.end(), ascii::is_digit)) return std::nullopt;
    return parse_unsigned(text).value_or(std::numeric_limits<std::uint64_t>::max());
}

// One "first-last", "first-" or "-suffix". False: wrong syntax. An empty range lies outside the
// representation.
bool parse_one(std::string_view text, std::uint64_t size, ByteRange& range) noexcept {
    const std::size_t dash = text.find('-');
    if (dash == text.npos) return false;
    const std::string_view first_text = ascii::trim(text.substr(0, dash));
    const std::string_view last_text = ascii::trim(text.substr(dash + 1));
    if (first_text.empty()) {
        const std::optional<std::uint64_t> suffix = parse_position(last_text);
        if (!suffix) return false;
        range = {size - std::min(*suffix, size), size};
        return true;
    }
    const std::optional<std::uint64_t> first = parse_position(first_text);
    const std::optional<std::uint64_t> last =
        last_text.empty() ? std::numeric_limits<std::uint64_t>::max() : parse_position(last_text);
    if (!first || !last || *first > *last) return false;
    range = {*first, std::max(*first, *last >= size ? size : *last + 1)};
    return true;
}

class Decimal {
 public:
    explicit Decimal(std::uint64_t value) noexcept
        : size_(static_cast<std::size_t>(format_decimal(digits_, value) - digits_)) {}
    std::string_view text() const noexcept { return {digits_, size_}; }

 private:
    char digits_[kDecimalDigits];
    std::size_t size_;
};

}  // namespace

RangeSet parse_range(std::string_view value, std::uint64_t size, std::size_t max_ranges, Arena& arena) {
    constexpr std::string_view unit = "bytes=";
    if (!ascii::starts_with_ci(value, unit) || max_ranges == 0) return {};
    value.remove_prefix(unit.size());
    const auto commas = static_cast<std::size_t>(std::count(value.begin(), value.end(), ','));
    const std::span<ByteRange> ranges = arena.array<ByteRange>(std::min(commas + 1, max_ranges));
    std::size_t count = 0;
    std::uint64_t sum = 0;
    ListWalk walk(value);
    for (std::string_view element; walk.next(element);) {
        ByteRange range{};
        if (!parse_one(element, size, range)) return {RangeSet::Kind::unsatisfiable, {}};
        if (range.length() == 0 && range.begin == 0) return {};  // all of an empty representation
        if (range.length() == 0) continue;
        if (count == ranges.size() || range.length() > size - sum) return {};
        ranges[count++] = range;
        sum += range.length();
    }
    if (count == 0) return {RangeSet::Kind::unsatisfiable, {}};
    return {RangeSet::Kind::partial, ranges.first(count)};
}

bool if_range_holds(std::string_view if_range, const Validators& known) {
    if (if_range.empty()) return true;
    if (if_range.back() == '"') return etag_equal_strong(if_range, known.etag);
    const std::optional<std::time_t> date = parse_http_date(if_range);
    return date && known.last_modified && *date == *known.last_modified;
}

std::string_view content_range(const ByteRange& range, std::uint64_t size, Arena& arena) {
    const Decimal first(range.begin);
    const Decimal last(range.end - 1);
    const Decimal total(size);
    return join(arena, "bytes ", first.text(), "-", last.text(), "/", total.text());
}

std::string_view content_range_unsatisfied(std::uint64_t size, Arena& arena) {
    const Decimal total(size);
    return join(arena, "bytes */", total.text());
}

}  // namespace berth::http

// Numbers, sizes and durations.
#include "core/text/number.hpp"

#include <array>
#include <charconv>

namespace berth {
namespace {

constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
constexpr auto kMaxSigned = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// The digits `text` begins with; they are removed from it.
std::string_view take_digits(std::string_view& text) noexcept {
    std::size_t count = 0;
    while (count < text.size() && ascii::is_digit(text[count])) ++count;
    const std::string_view digits = text.substr(0, count);
    text.remove_prefix(count);
    return digits;
}

struct Unit {
    std::string_view name;
    std::uint64_t milliseconds;
};
constexpr std::uint64_t kDay = 24 * 3600 * 1000;
// From large to small: a unit may only be followed by later ones. Case matters: M is months, m minutes.
constexpr std::array<Unit, 8> kUnits = {{{"y", 365 * kDay},
                                         {"M", 30 * kDay},
                                         {"w", 7 * kDay},
                                         {"d", kDay},
                                         {"h", 3600 * 1000},
                                         {"m", 60 * 1000},
                                         {"s", 1000},
                                         {"ms", 1}}};
constexpr std::size_t kSeconds = 6;

// Which unit `text` begins with (removed from it); seconds when there is none, kUnits.size() when it is
// unknown.
std::size_t take_unit(std::string_view& text) noexcept {
    std::size_t length = 0;
    while (length < text.size() && ascii::is_alpha(text[length])) ++length;
    if (length == 0) return text.empty() ? kSeconds : kUnits.size();
    const std::string_view name = text.substr(0, length);
    text.remove_prefix(length);
    std::size_t index = 0;
    while (index < kUnits.size() && kUnits[index].name != name) ++index;
    return index;
}

template <class Number>
char* write(char* out, Number value, int base) noexcept {
    return std::to_chars(out, out + kDecimalDigits, value, base).ptr;
}

}  // namespace

std::optional<std::int64_t> parse_signed(std::string_view text) noexcept {
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const auto magnitude = parse_unsigned(text, kMaxSigned + (negative ? 1 : 0));
    if (!magnitude) return std::nullopt;
    return static_cast<std::int64_t>(negative ? 0 - *magnitude : *magnitude);
}

std::optional<std::uint64_t> parse_hex(std::string_view text, std::uint64_t maximum) noexcept {
    if (text.empty()) return std::nullopt;
    std::uint64_t value = 0;
    for (const char c : text) {
        const int digit = ascii::hex_value(c);
        if (digit < 0 || value > kMax >> 4) return std::nullopt;
        value = (value << 4) | static_cast<std::uint64_t>(digit);
    }
    return value <= maximum ? std::optional(value) : std::nullopt;
}

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    unsigned shift = 0;
    switch (text.back()) {
        case 'k':
        case 'K': shift = 10; break;
        case 'm':
        case 'M': shift = 20; break;
        case 'g':
        case 'G': shift = 30; break;
        default: break;
    }
    if (shift != 0) text.remove_suffix(1);
    // Sizes end up in off_t and std::size_t alike, so the signed range is the limit.
    const auto value = parse_unsigned(text, kMaxSigned >> shift);
    if (!value) return std::nullopt;
    return *value << shift;
}

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept {
    if (text.empty()) return std::nullopt;
    std::uint64_t total = 0;
    std::size_t next_unit = 0;
    while (!text.empty()) {
        const auto value = parse_unsigned(take_digits(text));
        if (!value) return std::nullopt;
        const std::size_t unit = take_unit(text);
        if (unit < next_unit || unit == kUnits.size()) return std::nullopt;
        next_unit = unit + 1;
        if (*value > (kMaxSigned - total) / kUnits[unit].milliseconds) return std::nullopt;
        total += *value * kUnits[unit].milliseconds;
        if (text.empty()) break;
        while (text.starts_with(' ')) text.remove_prefix(1);
        if (text.empty()) return std::nullopt;
    }
    return std::chrono::milliseconds(static_cast<std::int64_t>(total));
}

char* format_decimal(char* out, std::uint64_t value) noexcept { return write(out, value, 10); }
char* format_signed(char* out, std::int64_t value) noexcept { return write(out, value, 10); }
char* format_hex(char* out, std::uint64_t value) noexcept { return write(out, value, 16); }

char* format_padded(char* out, std::uint64_t value, unsigned digits) noexcept {
    for (unsigned i = digits; i-- > 0; value /= 10) out[i] = static_cast<char>('0' + value % 10);
    return out + digits;
}

}  // namespace berth

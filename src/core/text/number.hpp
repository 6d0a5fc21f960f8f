// Numbers, sizes and durations: from text without overflow, and to text without locale.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "core/text/ascii.hpp"

namespace berth {

// Decimal digits only: no sign, no blanks, not empty, at most `maximum`. Anything else is nullopt.
constexpr std::optional<std::uint64_t> parse_unsigned(
    std::string_view text, std::uint64_t maximum = std::numeric_limits<std::uint64_t>::max()) noexcept {
    if (text.empty()) return std::nullopt;
    constexpr std::size_t kCannotOverflow = 19;
    std::uint64_t value = 0;
    if (text.size() <= kCannotOverflow) {
        for (const char c : text) {
            if (!ascii::is_digit(c)) return std::nullopt;
            value = value * 10 + static_cast<std::uint64_t>(c - '0');
        }
        if (value > maximum) return std::nullopt;
        return value;
    }
    for (const char c : text) {
        if (!ascii::is_digit(c)) return std::nullopt;
        const auto digit = static_cast<std::uint64_t>(c - '0');
        if (value > (maximum - digit) / 10 || digit > maximum) return std::nullopt;
        value = value * 10 + digit;
    }
    return value;
}

// As parse_unsigned, with an optional leading '-'.
std::optional<std::int64_t> parse_signed(std::string_view text) noexcept;

// Hexadecimal digits only (no 0x), at most `maximum`.
std::optional<std::uint64_t> parse_hex(
    std::string_view text, std::uint64_t maximum = std::numeric_limits<std::uint64_t>::max()) noexcept;

// "8192", "8k", "1m", "1g" in either case: bytes, in units of 1024.
std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

// nginx's times: "1h30m", "500ms", "1d", "2w", "1M" (30 days), "1y" (365 days); units from large to small,
// each at most once, blanks between them allowed; a bare number (also last: "1m 30") is seconds. Nullopt for
// anything else, or for more than a 64-bit count of milliseconds.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) noexcept;

inline constexpr std::size_t kDecimalDigits = 20;  // enough for every 64-bit number, with sign

// Writes `value` in decimal at `out` (at least kDecimalDigits bytes, no terminating NUL) and returns the end.
char* format_decimal(char* out, std::uint64_t value) noexcept;
char* format_signed(char* out, std::int64_t value) noexcept;
// The last `digits` decimal digits of `value`, with leading zeros.
char* format_padded(char* out, std::uint64_t value, unsigned digits) noexcept;
// Lowercase hexadecimal without leading zeros; at most 16 bytes.
char* format_hex(char* out, std::uint64_t value) noexcept;

}  // namespace berth

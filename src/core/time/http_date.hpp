// HTTP dates: RFC 9110 §5.6.7.
#pragma once

#include <cstddef>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace berth {

inline constexpr std::size_t kHttpDateSize = 29;

// Writes "Sun, 06 Nov 1994 08:49:37 GMT" at `out` (kHttpDateSize bytes, no NUL) and returns the end. Years 0
// to 9999; others are clamped.
char* format_http_date(char* out, std::time_t time) noexcept;
std::string http_date(std::time_t time);

// All three forms a recipient must accept: IMF-fixdate, RFC 850 ("Sunday, 06-Nov-94 08:49:37 GMT"; a
// two-digit year that would be more than 50 years ahead of `now` is of the last century) and asctime ("Sun
// Nov  6 08:49:37 1994"). The name of the day is not compared with the date. Nullopt for anything else,
// impossible dates included.
std::optional<std::time_t> parse_http_date(std::string_view text, std::time_t now) noexcept;
std::optional<std::time_t> parse_http_date(std::string_view text) noexcept;

}  // namespace berth

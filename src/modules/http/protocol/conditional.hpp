// Conditional requests (RFC 9110 13): entity tags, dates, and which answer they lead to.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "modules/http/protocol/request_parser.hpp"

namespace berth::http {

// What the server knows about the selected representation.
struct Validators {
    std::string_view etag;                      // with its quotes, W/ before a weak one; empty: none
    std::optional<std::int64_t> last_modified;  // seconds since 1970
};

enum class IfModifiedSince : std::uint8_t { off, exact, before };  // if_modified_since
enum class Precondition : std::uint8_t { proceed, not_modified, failed };

// Strong: both are strong and equal. Weak: equal, W/ apart (RFC 9110 8.8.3.2).
bool etag_equal_strong(std::string_view a, std::string_view b) noexcept;
bool etag_equal_weak(std::string_view a, std::string_view b) noexcept;

// Whether `etag` is in the list of an If-Match (strong) or If-None-Match (weak) field; "*" matches anything
// that exists.
bool etag_in_list(std::string_view list, std::string_view etag, bool weak) noexcept;

// RFC 9110 13.2.2: proceed, 304 (GET and HEAD only) or 412. For a response that would be 200.
Precondition evaluate_preconditions(const RequestHead& head, std::string_view buffer, const Validators& known,
                                    IfModifiedSince mode);

}  // namespace berth::http

// Status codes, their reason phrases and ready-made status lines.
#pragma once

#include <string_view>

namespace berth::http {

// nginx's phrase where it differs from the registry's ("404 Not Found", "405 Not Allowed"); empty for a code
// without one.
std::string_view reason_phrase(int status) noexcept;

// "HTTP/1.1 200 OK\r\n"; empty for a code without a phrase.
std::string_view status_line(int status) noexcept;

// Whether a response with this status never has a body (RFC 9110 6.4.1): 1xx, 204, 304.
constexpr bool never_has_body(int status) noexcept { return status < 200 || status == 204 || status == 304; }

}  // namespace berth::http

// What a request head means: how its body is framed, which host it is for, whether the connection lives on.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/memory/arena.hpp"
#include "modules/http/protocol/request_parser.hpp"

namespace berth::http {

// `buffer` is in every call the one the head was parsed from.

struct Framing {
    enum class Kind : std::uint8_t { none, content_length, chunked, error };
    Kind kind = Kind::none;
    std::uint64_t length = 0;  // of content_length; at most 2^63 - 1
    Refusal refusal;           // of error; the connection must be closed after it
};

// RFC 9112 6.3, stricter where it leaves a choice: Content-Length with Transfer-Encoding 400; repeated,
// list-valued, empty, non-decimal or overflowing Content-Length 400; repeated Transfer-Encoding 400, other
// than "chunked" 501, in HTTP/1.0 400.
Framing body_framing(const RequestHead& head, std::string_view buffer) noexcept;

// 1*DIGIT up to 2^63 - 1, nothing around it. False when it is anything else.
bool parse_content_length(std::string_view text, std::uint64_t& length) noexcept;

// Whether the client wants another request on this connection (RFC 9112 9.3).
bool keep_alive(const RequestHead& head, std::string_view buffer) noexcept;

enum class Expect : std::uint8_t { none, continue_100, unknown };
// RFC 9110 10.1.1; an HTTP/1.0 client's expectation is ignored.
Expect expectation(const RequestHead& head, std::string_view buffer) noexcept;

struct Host {
    std::string_view name;   // lower case, no port, no final dot; brackets are kept: "[::1]"
    std::uint16_t port = 0;  // 0: none was written
};

// Checks and splits "host[:port]" (RFC 3986 3.2.2; letters, digits, "-._~" or an IPv6 literal; no user info).
// The name points into `text` when it is lower case already, else into the arena. False: 400.
bool parse_host(std::string_view text, Arena& arena, Host& host);

struct RequestHost {
    Host host;  // empty name: HTTP/1.0 without Host
    Refusal refusal;
};
// The host this request is for (RFC 9112 3.2): absolute-form wins over Host; missing in HTTP/1.1, repeated or
// invalid is 400.
RequestHost request_host(const RequestHead& head, std::string_view buffer, Arena& arena);

// TRACE and CONNECT are 405 here: they are not offered to any handler.
Refusal check_method(const RequestHead& head) noexcept;

}  // namespace berth::http

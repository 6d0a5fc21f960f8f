// Escaping: how text goes into HTML, JSON, URIs and log lines, and how it comes out of URIs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace berth {

// All functions append to `out`; reserve it if the size matters.

// & < > " as entities.
void escape_html(std::string& out, std::string_view text);

// The inside of a JSON string (RFC 8259 §7), without the quotes. Bytes from 0x80 on pass as they are when
// they are valid UTF-8; a byte that is not is written as U+FFFD, so the result is always valid JSON.
void escape_json(std::string& out, std::string_view text);

// Text in which every byte that belongs to no valid UTF-8 sequence is replaced by U+FFFD.
void replace_invalid_utf8(std::string& out, std::string_view text);

enum class UriPart {
    path,       // a path inside a URI: '/' and the path's own characters stay
    args,       // a value inside a query: as path, but what separates arguments (& + ;) does not stay
    target,     // a whole target that is put together already: only what would end it does not stay
    component,  // one argument or path segment: only unreserved characters stay (RFC 3986 §2.3)
};
// %XX for every byte that may not stand in that part.
void escape_uri(std::string& out, std::string_view text, UriPart part);

// Decodes %XX; nullopt when a '%' is not followed by two hexadecimal digits. '+' stays '+'.
std::optional<std::string> percent_decode(std::string_view text);
// As above, but keeps a '%' that starts no escape.
std::string percent_decode_lenient(std::string_view text);

// The access log's default: '"', '\\', bytes below 0x20 and from 0x7f on become \xXX (upper case).
void escape_log(std::string& out, std::string_view text);

// Error log lines: only control characters become \xXX, so that nobody can write a line of their own.
void escape_control(std::string& out, std::string_view text);

}  // namespace berth

// Escaping for HTML, JSON, URIs and logs.
#include "core/text/escape.hpp"

#include <array>
#include <cstdint>

#include "core/text/ascii.hpp"

namespace berth {
namespace {

constexpr char kUpperHex[] = "0123456789ABCDEF";
constexpr char kLowerHex[] = "0123456789abcdef";

void put_hex(std::string& out, std::string_view prefix, char c) {
    const auto byte = static_cast<unsigned char>(c);
    out += prefix;
    out += kUpperHex[byte >> 4];
    out += kUpperHex[byte & 15];
}

using ByteSet = std::array<bool, 256>;

constexpr ByteSet letters_and(std::string_view others) {
    ByteSet set{};
    for (unsigned i = 0; i < 256; ++i) set[i] = ascii::is_alnum(static_cast<char>(i));
    for (const char c : others) set[static_cast<unsigned char>(c)] = true;
    return set;
}

// A path keeps what nginx keeps when it builds a URI: everything but controls, blanks, '#', '%', '?' and
// bytes from 0x7f on, and the few characters that no URI may hold (RFC 3986 §2: " < > \ ^ ` { | }).
constexpr ByteSet kPath = letters_and("-._~!$&'()*+,;=:@/[]");
constexpr ByteSet kArgs = letters_and("-._~!$'()*,=:@/[]");
constexpr ByteSet kComponent = letters_and("-._~");
constexpr ByteSet kTarget = [] {
    ByteSet set{};
    for (unsigned i = 0; i < 256; ++i) set[i] = i > 0x20 && i != 0x7f;
    return set;
}();

const ByteSet& kept_in(UriPart part) noexcept {
    switch (part) {
        case UriPart::path: return kPath;
        case UriPart::args: return kArgs;
        case UriPart::target: return kTarget;
        case UriPart::component: break;
    }
    return kComponent;
}

// The length of the valid UTF-8 sequence `text` begins with, 0 when it begins with none (RFC 3629 §4: no
// overlong forms, no surrogates, nothing above U+10FFFF).
std::size_t utf8_length(std::string_view text) noexcept {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned first = at(0);
    const std::size_t length = first < 0x80   ? 1
                               : first < 0xc2 ? 0
                               : first < 0xe0 ? 2
                               : first < 0xf0 ? 3
                               : first < 0xf5 ? 4
                                              : 0;
    if (length == 0 || length > text.size()) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((at(i) & 0xc0) != 0x80) return 0;
    }
    if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f)) return 0;
    if ((first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f)) return 0;
    return length;
}

// Copies the sequence `text` begins with, or stands in for the byte that begins none; how much was read.
std::size_t copy_utf8(std::string& out, std::string_view text) {
    const std::size_t length = utf8_length(text);
    out += length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
    return length == 0 ? 1 : length;
}

// The two-character escape of JSON for this byte, or NUL.
char json_short(char c) noexcept {
    switch (c) {
        case '"':
        case '\\': return c;
        case '\b': return 'b';
        case '\f': return 'f';
        case '\n': return 'n';
        case '\r': return 'r';
        case '\t': return 't';
        default: return '\0';
    }
}

bool decode_at(std::string_view text, std::size_t at, char& out) noexcept {
    if (at + 2 >= text.size()) return false;
    const int high = ascii::hex_value(text[at + 1]);
    const int low = ascii::hex_value(text[at + 2]);
    if (high < 0 || low < 0) return false;
    out = static_cast<char>(high * 16 + low);
    return true;
}

}  // namespace

void escape_html(std::string& out, std::string_view text) {
    for (const char c : text) {
        switch (c) {
            case '&': out += "&amp;"; break;
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '"': out += "&quot;"; break;
            default: out += c;
        }
    }
}

void escape_json(std::string& out, std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const char c = text[at];
        if (const char letter = json_short(c)) {
            out += '\\';
            out += letter;
            ++at;
            continue;
        }
        if (ascii::is_control(c)) {
            out += "\\u00";
            out += kLowerHex[static_cast<unsigned char>(c) >> 4];
            out += kLowerHex[static_cast<unsigned char>(c) & 15];
            ++at;
            continue;
        }
        at += copy_utf8(out, text.substr(at));
    }
}

void replace_invalid_utf8(std::string& out, std::string_view text) {
    while (!text.empty()) text.remove_prefix(copy_utf8(out, text));
}

void escape_uri(std::string& out, std::string_view text, UriPart part) {
    const ByteSet& kept = kept_in(part);
    for (const char c : text) {
        if (kept[static_cast<unsigned char>(c)]) {
            out += c;
        } else {
            put_hex(out, "%", c);
        }
    }
}

std::optional<std::string> percent_decode(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        char c = text[at];
        if (c == '%') {
            if (!decode_at(text, at, c)) return std::nullopt;
            at += 2;
        }
        out += c;
    }
    return out;
}

std::string percent_decode_lenient(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        char c = text[at];
        if (c == '%' && decode_at(text, at, c)) at += 2;
        out += c;
    }
    return out;
}

void escape_log(std::string& out, std::string_view text) {
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
            put_hex(out, "\\x", c);
        } else {
            out += c;
        }
    }
}

void escape_control(std::string& out, std::string_view text) {
    for (const char c : text) {
        if (ascii::is_control(c)) {
            put_hex(out, "\\x", c);
        } else {
            out += c;
        }
    }
}

}  // namespace berth

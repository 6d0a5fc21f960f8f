// What a request head means: body framing, host, persistence.
#include "modules/http/protocol/framing.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <limits>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"

namespace berth::http {
namespace {

Framing refuse(int status, std::string_view words) noexcept {
    return {Framing::Kind::error, 0, {status, words}};
}

Framing transfer_encoding_framing(const RequestHead& head, std::string_view buffer) noexcept {
    if (head.minor_version == 0)
        return refuse(400, "client sent HTTP/1.0 request with \"Transfer-Encoding\" header");
    if (head.fields.has(KnownHeader::content_length)) {
        return refuse(400,
                      "client sent \"Content-Length\" and \"Transfer-Encoding\" headers at the same time");
    }
    if (head.fields.repeated(KnownHeader::transfer_encoding)) {
        return refuse(400, "client sent duplicate \"Transfer-Encoding\" header");
    }
    if (!ascii::iequals(head.fields.value(KnownHeader::transfer_encoding, buffer), "chunked")) {
        return refuse(501, "client sent unknown \"Transfer-Encoding\"");
    }
    return {Framing::Kind::chunked, 0, {}};
}

// What a byte of a host name is: 0 not allowed in one.
constexpr std::uint8_t kLower = 1;  // or a digit, or one of -_~
constexpr std::uint8_t kUpper = 2;
constexpr std::uint8_t kDot = 4;

constexpr std::array<std::uint8_t, 256> kHostBytes = [] {
    std::array<std::uint8_t, 256> table{};
    for (unsigned i = 0; i < 256; ++i) {
        const char c = static_cast<char>(i);
        if (ascii::is_lower(c) || ascii::is_digit(c) || c == '-' || c == '_' || c == '~') table[i] = kLower;
        if (ascii::is_upper(c)) table[i] = kUpper;
        if (c == '.') table[i] = kDot;
    }
    return table;
}();

bool is_ipv6_literal(std::string_view text) noexcept {
    std::array<char, INET6_ADDRSTRLEN> address{};
    if (text.size() < 4 || text.size() - 2 >= address.size() || text.front() != '[' || text.back() != ']')
        return false;
    std::copy(text.begin() + 1, text.end() - 1, address.begin());
    in6_addr ignored{};
    return inet_pton(AF_INET6, address.data(), &ignored) == 1;
}

// A registered name or an IPv4 address without an empty label; `has_upper` tells of letters to be lowered.
bool is_reg_name(std::string_view text, bool& has_upper) noexcept {
    if (text.empty()) return false;
    std::uint8_t before = kDot;
    std::uint8_t seen = 0;
    for (const char c : text) {
        const std::uint8_t byte = kHostBytes[static_cast<unsigned char>(c)];
        if (byte == 0 || (byte & before & kDot) != 0) return false;
        before = byte;
        seen |= byte;
    }
    has_upper = (seen & kUpper) != 0;
    return true;
}

std::string_view lower_case(std::string_view text, Arena& arena) {
    const std::span<char> copy = arena.array<char>(text.size());
    std::transform(text.begin(), text.end(), copy.begin(), ascii::to_lower);
    return {copy.data(), copy.size()};
}

}  // namespace

Framing body_framing(const RequestHead& head, std::string_view buffer) noexcept {
    if (head.fields.has(KnownHeader::transfer_encoding)) return transfer_encoding_framing(head, buffer);
    const HeaderField* field = head.fields.find(KnownHeader::content_length);
    if (field == nullptr) return {};
    if (head.fields.repeated(KnownHeader::content_length)) {
        return refuse(400, "client sent duplicate \"Content-Length\" header");
    }
    Framing framing{Framing::Kind::content_length, 0, {}};
    if (!parse_content_length(field->value.in(buffer), framing.length)) {
        return refuse(400, "client sent invalid \"Content-Length\" header");
    }
    return framing;
}

bool parse_content_length(std::string_view text, std::uint64_t& length) noexcept {
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    const std::optional<std::uint64_t> value = parse_unsigned(text, kMost);
    length = value.value_or(0);
    return value.has_value();
}

bool keep_alive(const RequestHead& head, std::string_view buffer) noexcept {
    if (!head.fields.has(KnownHeader::connection)) return head.minor_version > 0;
    if (lists_token(head.fields, buffer, KnownHeader::connection, "close")) return false;
    return head.minor_version > 0 || lists_token(head.fields, buffer, KnownHeader::connection, "keep-alive");
}

Expect expectation(const RequestHead& head, std::string_view buffer) noexcept {
    if (head.minor_version == 0 || !head.fields.has(KnownHeader::expect)) return Expect::none;
    const std::string_view value = head.fields.value(KnownHeader::expect, buffer);
    return ascii::iequals(value, "100-continue") ? Expect::continue_100 : Expect::unknown;
}

bool parse_host(std::string_view text, Arena& arena, Host& host) {
    const std::size_t bracket = text.starts_with('[') ? text.find(']') : 0;
    if (bracket == text.npos) return false;
    const std::size_t colon = text.find(':', bracket);
    std::string_view name = text.substr(0, colon);
    host.port = 0;
    if (colon != text.npos && colon + 1 < text.size()) {
        const std::string_view digits = text.substr(colon + 1);
        const std::optional<std::uint64_t> port = parse_unsigned(digits, 65535);
        if (!port || digits.size() > 5) return false;
        host.port = static_cast<std::uint16_t>(*port);
    }
    if (bracket == 0 && name.size() > 1 && name.back() == '.') name.remove_suffix(1);
    bool has_upper = bracket != 0;
    if (bracket == 0 ? !is_reg_name(name, has_upper) : !is_ipv6_literal(name)) return false;
    host.name = has_upper ? lower_case(name, arena) : name;
    return true;
}

RequestHost request_host(const RequestHead& head, std::string_view buffer, Arena& arena) {
    RequestHost result;
    const HeaderField* field = head.fields.find(KnownHeader::host);
    if (field == nullptr && head.minor_version > 0) {
        result.refusal = {400, "client sent HTTP/1.1 request without \"Host\" header"};
        return result;
    }
    if (head.fields.repeated(KnownHeader::host)) {
        result.refusal = {400, "client sent duplicate \"Host\" header"};
        return result;
    }
    if (field != nullptr && !parse_host(field->value.in(buffer), arena, result.host)) {
        result.refusal = {400, "client sent invalid \"Host\" header"};
        return result;
    }
    if (!head.authority.empty() && !parse_host(head.authority.in(buffer), arena, result.host)) {
        result.refusal = {400, "client sent invalid host in request line"};
    }
    return result;
}

Refusal check_method(const RequestHead& head) noexcept {
    if (head.method == Method::trace) return {405, "client sent TRACE method"};
    if (head.method == Method::connect) return {405, "client sent CONNECT method"};
    return {};
}

}  // namespace berth::http

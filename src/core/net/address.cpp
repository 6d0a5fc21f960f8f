// Socket addresses: parsing, showing and comparing.
#include "core/net/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"

namespace berth {
namespace {

constexpr std::size_t kUnixHead = offsetof(sockaddr_un, sun_path);

Error invalid(std::string_view what, std::string_view text) {
    return Error("invalid " + std::string(what) + " \"" + std::string(text) + "\"");
}

char* append(char* out, std::string_view text) noexcept { return std::copy(text.begin(), text.end(), out); }

// inet_pton(3) wants a C string; nothing longer than the buffer is an address.
bool to_ip(int family, std::string_view text, void* out) noexcept {
    char buffer[INET6_ADDRSTRLEN];
    if (text.empty() || text.size() >= sizeof buffer) return false;
    *append(buffer, text) = '\0';
    return ::inet_pton(family, buffer, out) == 1;
}

}  // namespace

Address::Address(const Address& other)
    : inet_(other.inet_), unix_(other.unix_ ? std::make_unique<UnixAddress>(*other.unix_) : nullptr) {}

Address& Address::operator=(const Address& other) {
    if (this != &other) *this = Address(other);
    return *this;
}

Result<Address> Address::parse(std::string_view text, std::uint16_t default_port) {
    if (text.starts_with("unix:")) return unix_path(text.substr(5));

    std::string_view host;
    std::string_view port;
    bool has_port = false;
    if (text.starts_with('[')) {
        const std::size_t close = text.find(']');
        if (close == text.npos) return invalid("address, a ] is missing in", text);
        host = text.substr(1, close - 1);
        const std::string_view rest = text.substr(close + 1);
        if (!rest.empty() && rest.front() != ':') return invalid("address", text);
        has_port = !rest.empty();
        port = has_port ? rest.substr(1) : rest;
    } else if (const std::size_t colon = text.find(':'); colon != text.npos) {
        host = text.substr(0, colon);
        port = text.substr(colon + 1);
        has_port = true;
    } else if (parse_unsigned(text)) {
        host = "*";
        port = text;
        has_port = true;
    } else {
        host = text;
    }

    std::uint16_t number = default_port;
    if (has_port) {
        const auto parsed = parse_unsigned(port, 65535);
        if (!parsed) return invalid("port in", text);
        number = static_cast<std::uint16_t>(*parsed);
    }
    if (text.starts_with('[')) {
        in6_addr ip;
        if (!to_ip(AF_INET6, host, &ip)) return invalid("IPv6 address", text);
        return ipv6(ip, number);
    }
    if (host == "*") return ipv4(INADDR_ANY, number);
    if (ascii::iequals(host, "localhost")) return ipv4(INADDR_LOOPBACK, number);
    in_addr ip;
    if (!to_ip(AF_INET, host, &ip)) return invalid("address", text);
    return ipv4(ntohl(ip.s_addr), number);
}

Result<Address> Address::parse_ip(std::string_view text, std::uint16_t port) {
    in_addr v4;
    if (to_ip(AF_INET, text, &v4)) return ipv4(ntohl(v4.s_addr), port);
    in6_addr v6;
    if (to_ip(AF_INET6, text, &v6)) return ipv6(v6, port);
    return invalid("IP address", text);
}

Address Address::from_sockaddr(const sockaddr* address, socklen_t length) {
    Address result;
    if (address == nullptr || length < sizeof(sa_family_t)) return result;
    if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
        std::memcpy(&result.inet_.v4, address, sizeof(sockaddr_in));
    } else if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
        std::memcpy(&result.inet_.v6, address, sizeof(sockaddr_in6));
    } else if (address->sa_family == AF_UNIX) {
        result.unix_ = std::make_unique<UnixAddress>();
        result.unix_->length = std::min(length, static_cast<socklen_t>(sizeof(sockaddr_un)));
        std::memcpy(&result.unix_->address, address, result.unix_->length);
    }
    return result;
}

Address Address::ipv4(std::uint32_t ip_in_host_order, std::uint16_t port) noexcept {
    Address result;
    result.inet_.v4.sin_family = AF_INET;
    result.inet_.v4.sin_addr.s_addr = htonl(ip_in_host_order);
    result.inet_.v4.sin_port = htons(port);
    return result;
}

Address Address::ipv6(const in6_addr& ip, std::uint16_t port) noexcept {
    Address result;
    result.inet_.v6.sin6_family = AF_INET6;
    result.inet_.v6.sin6_addr = ip;
    result.inet_.v6.sin6_port = htons(port);
    return result;
}

Result<Address> Address::unix_path(std::string_view path) {
    constexpr std::size_t kRoom = sizeof(sockaddr_un::sun_path);
    const bool abstract = path.starts_with('@');
    if (path.size() < (abstract ? 2u : 1u)) return Error("the path of a unix socket is missing");
    if (path.size() + (abstract ? 0 : 1) > kRoom) {
        return Error("the path of the unix socket \"" + std::string(path) + "\" is too long: at most " +
                     std::to_string(kRoom - 1) + " bytes");
    }
    if (path.find('\0') != path.npos) return Error("the path of a unix socket has a NUL in it");
    Address result;
    result.unix_ = std::make_unique<UnixAddress>();
    sockaddr_un& address = result.unix_->address;
    address.sun_family = AF_UNIX;
    append(address.sun_path, path);
    if (abstract) address.sun_path[0] = '\0';
    result.unix_->length = static_cast<socklen_t>(kUnixHead + path.size() + (abstract ? 0 : 1));
    return result;
}

Address Address::of_socket(int descriptor) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    return ::getsockname(descriptor, address, &length) == 0 ? from_sockaddr(address, length) : Address();
}

Address Address::of_peer(int descriptor) {
    sockaddr_storage storage{};
    socklen_t length = sizeof storage;
    auto* address = reinterpret_cast<sockaddr*>(&storage);
    return ::getpeername(descriptor, address, &length) == 0 ? from_sockaddr(address, length) : Address();
}

std::uint16_t Address::port() const noexcept {
    switch (family()) {
        case AF_INET: return ntohs(inet_.v4.sin_port);
        case AF_INET6: return ntohs(inet_.v6.sin6_port);
        default: return 0;
    }
}

void Address::set_port(std::uint16_t port) noexcept {
    if (is_ipv4()) inet_.v4.sin_port = htons(port);
    if (is_ipv6()) inet_.v6.sin6_port = htons(port);
}

bool Address::is_wildcard() const noexcept {
    if (is_ipv4()) return inet_.v4.sin_addr.s_addr == INADDR_ANY;
    return is_ipv6() && IN6_IS_ADDR_UNSPECIFIED(&inet_.v6.sin6_addr);
}

bool Address::is_loopback() const noexcept {
    if (is_ipv4()) return ntohl(inet_.v4.sin_addr.s_addr) >> 24 == 127;
    return is_ipv6() && IN6_IS_ADDR_LOOPBACK(&inet_.v6.sin6_addr);
}

Address Address::unmapped() const {
    if (!is_ipv6() || !IN6_IS_ADDR_V4MAPPED(&inet_.v6.sin6_addr)) return *this;
    std::uint32_t ip;
    std::memcpy(&ip, inet_.v6.sin6_addr.s6_addr + 12, sizeof ip);
    return ipv4(ntohl(ip), port());
}

const sockaddr* Address::data() const noexcept {
    return unix_ ? reinterpret_cast<const sockaddr*>(&unix_->address) : &inet_.any;
}

socklen_t Address::length() const noexcept {
    switch (family()) {
        case AF_UNIX: return unix_->length;
        case AF_INET: return sizeof(sockaddr_in);
        case AF_INET6: return sizeof(sockaddr_in6);
        default: return sizeof(sa_family_t);
    }
}

std::string_view Address::bytes() const noexcept {
    switch (family()) {
        case AF_INET: return {reinterpret_cast<const char*>(&inet_.v4.sin_addr), sizeof(in_addr)};
        case AF_INET6: return {reinterpret_cast<const char*>(&inet_.v6.sin6_addr), sizeof(in6_addr)};
        case AF_UNIX: break;
        default: return {};
    }
    const std::string_view path(unix_->address.sun_path, unix_->length - kUnixHead);
    // Only an abstract name counts its NULs (unix(7)).
    return path.starts_with('\0') ? path : path.substr(0, path.find('\0'));
}

// Every line of an access log has one, and inet_ntop(3) prints by a format.
static char* format_ipv4(char* out, std::string_view ip) noexcept {
    for (std::size_t i = 0; i < ip.size(); ++i) {
        if (i > 0) *out++ = '.';
        out = format_decimal(out, static_cast<unsigned char>(ip[i]));
    }
    return out;
}

char* Address::format_ip(char* out) const noexcept {
    if (is_unix()) return append(out, "unix:");
    if (!specified()) return out;
    const std::string_view ip = bytes();
    if (is_ipv4()) return format_ipv4(out, ip);
    if (::inet_ntop(family(), ip.data(), out, kTextSize) == nullptr) return out;
    return out + std::strlen(out);
}

char* Address::format(char* out) const noexcept {
    if (is_unix()) {
        const std::string_view path = bytes();
        out = append(out, "unix:");
        char* name = out;
        out = append(out, path);
        if (path.starts_with('\0')) *name = '@';
        return out;
    }
    if (!specified()) return out;
    if (is_ipv6()) *out++ = '[';
    out = format_ip(out);
    if (is_ipv6()) *out++ = ']';
    *out++ = ':';
    return format_decimal(out, port());
}

std::string Address::to_text() const {
    char text[kTextSize];
    return {text, format(text)};
}

std::string Address::ip_text() const {
    char text[kTextSize];
    return {text, format_ip(text)};
}

std::strong_ordering Address::operator<=>(const Address& other) const noexcept {
    if (const auto order = family() <=> other.family(); order != 0) return order;
    if (const auto order = bytes() <=> other.bytes(); order != 0) return order;
    if (const auto order = port() <=> other.port(); order != 0) return order;
    return is_ipv6() ? inet_.v6.sin6_scope_id <=> other.inet_.v6.sin6_scope_id : std::strong_ordering::equal;
}

std::size_t Address::hash() const noexcept {
    return std::hash<std::string_view>{}(bytes()) * 31 + static_cast<std::size_t>(family()) * 65537 + port();
}

}  // namespace berth

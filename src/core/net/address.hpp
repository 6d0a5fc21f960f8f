// Address: a socket address of IPv4, IPv6 or a unix socket.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/result.hpp"

namespace berth {

// A value type of 40 bytes: only a unix address allocates. Default-constructed it is of family AF_UNSPEC.
class Address {
 public:
    static constexpr std::size_t kTextSize = 128;  // enough for format() of every address

    Address() noexcept : inet_{} {}
    Address(const Address& other);
    Address(Address&& other) noexcept = default;
    Address& operator=(const Address& other);
    Address& operator=(Address&& other) noexcept = default;

    // "127.0.0.1:80", "127.0.0.1", "*:80", "80", "[::1]:80", "[::]", "localhost:80", "unix:/path",
    // "unix:@abstract". A missing port is `default_port`. A port is 1 to 65535, or 0 (the kernel chooses)
    // where it is written out. No name but localhost (127.0.0.1) is known: resolving is not this class's
    // business.
    static Result<Address> parse(std::string_view text, std::uint16_t default_port = 0);
    // Only an IP address, without brackets or port: "10.0.0.1", "::1".
    static Result<Address> parse_ip(std::string_view text, std::uint16_t port = 0);
    // What the kernel filled in. An unknown family gives AF_UNSPEC.
    static Address from_sockaddr(const sockaddr* address, socklen_t length);
    static Address ipv4(std::uint32_t ip_in_host_order, std::uint16_t port) noexcept;
    static Address ipv6(const in6_addr& ip, std::uint16_t port) noexcept;
    // A leading '@' means the abstract namespace (unix(7)).
    static Result<Address> unix_path(std::string_view path);
    // Of a socket: its own address, or its peer's. AF_UNSPEC when the kernel gives none.
    static Address of_socket(int descriptor);
    static Address of_peer(int descriptor);

    int family() const noexcept { return unix_ ? AF_UNIX : inet_.any.sa_family; }
    bool is_unix() const noexcept { return family() == AF_UNIX; }
    bool is_ipv4() const noexcept { return family() == AF_INET; }
    bool is_ipv6() const noexcept { return family() == AF_INET6; }
    bool specified() const noexcept { return family() != AF_UNSPEC; }
    std::uint16_t port() const noexcept;  // 0 for a unix socket
    void set_port(std::uint16_t port) noexcept;
    // 0.0.0.0 or [::].
    bool is_wildcard() const noexcept;
    bool is_loopback() const noexcept;
    // ::ffff:a.b.c.d as a.b.c.d; everything else as it is.
    Address unmapped() const;

    // For bind(2), connect(2), sendto(2).
    const sockaddr* data() const noexcept;
    socklen_t length() const noexcept;

    // The IP in network order, 4 or 16 bytes; the path of a unix socket (abstract ones with their leading
    // NUL).
    std::string_view bytes() const noexcept;

    // "127.0.0.1:80", "[::1]:80", "unix:/path", "unix:@abstract", "unix:" (a client without a name).
    std::string to_text() const;
    // "127.0.0.1", "::1", "unix:": what $remote_addr shows.
    std::string ip_text() const;
    // The same without allocation; `out` has kTextSize bytes. Returns the end.
    char* format(char* out) const noexcept;
    char* format_ip(char* out) const noexcept;

    bool operator==(const Address& other) const noexcept { return (*this <=> other) == 0; }
    // By family, then bytes, then port (and scope of a link-local IPv6 address).
    std::strong_ordering operator<=>(const Address& other) const noexcept;
    std::size_t hash() const noexcept;

 private:
    struct UnixAddress {
        sockaddr_un address;
        socklen_t length;
    };
    union {
        sockaddr any;
        sockaddr_in v4;
        sockaddr_in6 v6;
    } inet_;
    std::unique_ptr<UnixAddress> unix_;
};

}  // namespace berth

template <>
struct std::hash<berth::Address> {
    std::size_t operator()(const berth::Address& address) const noexcept { return address.hash(); }
};

// Cidr: a network of IPv4 or IPv6 addresses.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/net/address.hpp"
#include "core/result.hpp"

namespace berth {

class Cidr {
 public:
    // "10.0.0.0/8", "2001:db8::/32", "10.1.2.3" (that address alone), "unix:" (every unix socket). Bits
    // beyond the prefix are cleared; had_host_bits() tells, for a warning.
    static Result<Cidr> parse(std::string_view text);

    // An IPv4-mapped IPv6 address is matched as IPv4.
    bool contains(const Address& address) const noexcept;

    int family() const noexcept { return family_; }
    unsigned prefix() const noexcept { return prefix_; }
    // The network address in network order: 4, 16 or 0 bytes.
    std::string_view bytes() const noexcept;
    bool had_host_bits() const noexcept { return had_host_bits_; }
    std::string to_text() const;

    bool operator==(const Cidr& other) const noexcept {
        return family_ == other.family_ && prefix_ == other.prefix_ && network_ == other.network_;
    }

 private:
    std::array<unsigned char, 16> network_{};
    std::uint8_t prefix_ = 0;
    sa_family_t family_ = AF_UNSPEC;
    bool had_host_bits_ = false;
};

}  // namespace berth

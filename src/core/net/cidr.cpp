// Networks: parsing and membership.
#include "core/net/cidr.hpp"

#include <algorithm>
#include <cstring>

#include "core/text/number.hpp"

namespace berth {

Result<Cidr> Cidr::parse(std::string_view text) {
    Cidr cidr;
    if (text == "unix:") {
        cidr.family_ = AF_UNIX;
        return cidr;
    }
    const std::size_t slash = text.find('/');
    const Result<Address> ip = Address::parse_ip(text.substr(0, slash));
    if (!ip) return Error("invalid network \"" + std::string(text) + "\"");
    const std::string_view bytes = ip->bytes();
    const auto bits = static_cast<unsigned>(bytes.size() * 8);
    std::uint64_t prefix = bits;
    if (slash != text.npos) {
        const auto parsed = parse_unsigned(text.substr(slash + 1), bits);
        if (!parsed) return Error("invalid prefix length in \"" + std::string(text) + "\"");
        prefix = *parsed;
    }
    cidr.family_ = static_cast<sa_family_t>(ip->family());
    cidr.prefix_ = static_cast<std::uint8_t>(prefix);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const std::size_t kept = std::clamp<std::size_t>(prefix, i * 8, i * 8 + 8) - i * 8;
        const auto byte = static_cast<unsigned char>(bytes[i]);
        cidr.network_[i] = static_cast<unsigned char>(byte & (0xff00u >> kept));
        cidr.had_host_bits_ |= cidr.network_[i] != byte;
    }
    return cidr;
}

bool Cidr::contains(const Address& address) const noexcept {
    const bool mapped = family_ == AF_INET && address.is_ipv6();
    const std::string_view own = bytes();
    std::string_view theirs = address.bytes();
    if (mapped) {
        const Address plain = address.unmapped();
        return plain.is_ipv4() && contains(plain);
    }
    if (address.family() != family_) return false;
    if (family_ == AF_UNIX) return true;
    const std::size_t whole = prefix_ / 8u;
    if (own.substr(0, whole) != theirs.substr(0, whole)) return false;
    const unsigned rest = prefix_ % 8u;
    if (rest == 0) return true;
    return ((own[whole] ^ theirs[whole]) & static_cast<int>((0xff00u >> rest) & 0xff)) == 0;
}

std::string_view Cidr::bytes() const noexcept {
    const std::size_t size = family_ == AF_INET ? 4 : family_ == AF_INET6 ? 16 : 0;
    return {reinterpret_cast<const char*>(network_.data()), size};
}

std::string Cidr::to_text() const {
    if (family_ == AF_UNIX) return "unix:";
    std::string text;
    if (family_ == AF_INET) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        std::memcpy(&address.sin_addr, network_.data(), 4);
        text = Address::from_sockaddr(reinterpret_cast<sockaddr*>(&address), sizeof address).ip_text();
    } else {
        in6_addr ip;
        std::memcpy(&ip, network_.data(), sizeof ip);
        text = Address::ipv6(ip, 0).ip_text();
    }
    return text + '/' + std::to_string(prefix_);
}

}  // namespace berth

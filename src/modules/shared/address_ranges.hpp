// AddressRanges: from an address to the narrowest of the ranges it lies in.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "core/net/cidr.hpp"

namespace berth {

// Filled, then built once, then asked: one binary search, whatever the number of ranges. IPv4 and IPv6 are
// apart; an IPv4-mapped IPv6 address counts as IPv4.
class AddressRanges {
 public:
    using Value = std::uint32_t;
    static constexpr Value kNone = ~Value{0};

    // What a new range did to one that had the same ends.
    enum class Added : std::uint8_t { fresh, replaced };

    Added add(const Cidr& network, Value value);
    // Both ends included and of one family, first <= last.
    Added add(const Address& first, const Address& last, Value value);
    // Take a network or a range out again; false when it is not there with just these ends.
    bool remove(const Cidr& network);
    bool remove(const Address& first, const Address& last);

    // Ranges may lie inside one another, but not overlap in part: then two that do are returned, as the
    // values they were added with.
    std::optional<std::pair<Value, Value>> build();

    // kNone when no range has it, or it is no IP address.
    Value find(const Address& address) const noexcept;

    bool empty() const noexcept { return ipv4_.ranges.empty() && ipv6_.ranges.empty(); }

 private:
    using Key = std::array<unsigned char, 16>;  // an IPv4 address has the first four bytes, the others zero
    struct Range {
        Key first;
        Key last;
    };
    // By beginning; of two that begin together the wider is first.
    struct OutsideFirst {
        bool operator()(const Range& a, const Range& b) const noexcept {
            return a.first != b.first ? a.first < b.first : b.last < a.last;
        }
    };
    struct Start {
        Key first;
        Value value;  // from here to the next start
    };
    struct Table {
        std::map<Range, Value, OutsideFirst> ranges;
        std::vector<Start> starts;
    };
    static Key key_of(std::string_view bytes) noexcept;
    static bool next_key(Key& key, std::size_t size) noexcept;
    static Range range_of(const Cidr& network) noexcept;
    static std::optional<std::pair<Value, Value>> build(Table& table, std::size_t size);
    static void emit(Table& table, const Key& first, Value value);

    Table& table_of(int family) noexcept { return family == AF_INET6 ? ipv6_ : ipv4_; }
    static Added add(Table& table, const Range& range, Value value);

    Table ipv4_;
    Table ipv6_;
};

}  // namespace berth

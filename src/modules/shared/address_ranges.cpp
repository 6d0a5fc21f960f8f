// Building the sorted table that addresses are looked up in.
#include "modules/shared/address_ranges.hpp"

#include <algorithm>
#include <cstring>

namespace berth {

namespace {
constexpr unsigned char kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // RFC 4291 2.5.5.2
}

AddressRanges::Key AddressRanges::key_of(std::string_view bytes) noexcept {
    Key key{};
    std::memcpy(key.data(), bytes.data(), std::min(bytes.size(), key.size()));
    return key;
}

// The address behind this one; false when it was the last.
bool AddressRanges::next_key(Key& key, std::size_t size) noexcept {
    for (std::size_t i = size; i-- > 0;) {
        if (++key[i] != 0) return true;
    }
    return false;
}

AddressRanges::Range AddressRanges::range_of(const Cidr& network) noexcept {
    Range range{key_of(network.bytes()), key_of(network.bytes())};
    for (std::size_t bit = network.prefix(); bit < network.bytes().size() * 8; ++bit) {
        range.last[bit / 8] = static_cast<unsigned char>(range.last[bit / 8] | (0x80U >> (bit % 8)));
    }
    return range;
}

AddressRanges::Added AddressRanges::add(Table& table, const Range& range, Value value) {
    return table.ranges.insert_or_assign(range, value).second ? Added::fresh : Added::replaced;
}

AddressRanges::Added AddressRanges::add(const Cidr& network, Value value) {
    return add(table_of(network.family()), range_of(network), value);
}

AddressRanges::Added AddressRanges::add(const Address& first, const Address& last, Value value) {
    return add(table_of(first.family()), Range{key_of(first.bytes()), key_of(last.bytes())}, value);
}

bool AddressRanges::remove(const Cidr& network) {
    return table_of(network.family()).ranges.erase(range_of(network)) > 0;
}

bool AddressRanges::remove(const Address& first, const Address& last) {
    const Range range{key_of(first.bytes()), key_of(last.bytes())};
    return table_of(first.family()).ranges.erase(range) > 0;
}

void AddressRanges::emit(Table& table, const Key& first, Value value) {
    if (!table.starts.empty() && table.starts.back().first == first) {
        table.starts.back().value = value;
    } else {
        table.starts.push_back({first, value});
    }
}

// One sweep: a stack holds the ranges around the present position, the narrowest on top.
std::optional<std::pair<AddressRanges::Value, AddressRanges::Value>> AddressRanges::build(Table& table,
                                                                                          std::size_t size) {
    std::vector<std::pair<Key, Value>> around;
    auto leave = [&] {
        Key behind = around.back().first;
        around.pop_back();
        if (next_key(behind, size)) emit(table, behind, around.empty() ? kNone : around.back().second);
    };
    table.starts.clear();
    for (const auto& [range, value] : table.ranges) {
        while (!around.empty() && around.back().first < range.first) leave();
        if (!around.empty() && around.back().first < range.last)
            return std::pair(around.back().second, value);
        emit(table, range.first, value);
        around.emplace_back(range.last, value);
    }
    while (!around.empty()) leave();
    return std::nullopt;
}

std::optional<std::pair<AddressRanges::Value, AddressRanges::Value>> AddressRanges::build() {
    if (const auto overlap = build(ipv4_, 4)) return overlap;
    return build(ipv6_, 16);
}

AddressRanges::Value AddressRanges::find(const Address& address) const noexcept {
    const bool mapped = address.is_ipv6() && std::memcmp(address.bytes().data(), kMappedPrefix, 12) == 0;
    const bool ipv4 = address.is_ipv4() || mapped;
    if (!ipv4 && !address.is_ipv6()) return kNone;
    const Key key = key_of(mapped ? address.bytes().substr(12) : address.bytes());
    const auto& starts = ipv4 ? ipv4_.starts : ipv6_.starts;
    auto behind = std::ranges::upper_bound(starts, key, {}, &Start::first);
    return behind == starts.begin() ? kNone : std::prev(behind)->value;
}

}  // namespace berth

// Geo: a variable whose value depends on an address (geo).
#pragma once

#include <string>
#include <vector>

#include "core/net/cidr.hpp"
#include "core/value/value.hpp"
#include "modules/shared/address_ranges.hpp"

namespace berth {

class Loader;
struct Node;

class Geo {
 public:
    // Where a protocol finds the client's address, and what proxies say about it (X-Forwarded-For; may be
    // null).
    struct Source {
        const Address& (*client)(VariableHost& host);
        VariableText (*forwarded_for)(VariableHost& host);
    };

    // geo [$address] $variable { … }: defines the variable for the protocol that is being read.
    static void read(Loader& loader, const Node& node, const Source& source);

    VariableText value_for(VariableHost& host) const;

 private:
    explicit Geo(const Source& source) : source_(source) {}
    friend class Arena;

    bool read_parameter(Loader& loader, const Node& entry);
    void read_network(Loader& loader, const Node& entry);
    void read_range(Loader& loader, const Node& entry);
    void read_delete(Loader& loader, const Node& entry);
    void note(Loader& loader, const Node& entry, AddressRanges::Added added, std::string_view value);
    AddressRanges::Value index_of(std::string_view value);
    Address address_of(VariableHost& host) const;
    bool is_proxy(const Address& address) const noexcept;

    Source source_;
    Value address_;  // of the first argument; empty: the client
    bool has_address_ = false;
    AddressRanges ranges_;
    std::vector<std::string> values_;
    std::string default_;
    std::vector<Cidr> proxies_;
    bool proxy_recursive_ = false;
    bool ranges_mode_ = false;
    bool volatile_ = false;
};

}  // namespace berth

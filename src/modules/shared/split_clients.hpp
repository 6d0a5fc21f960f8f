// SplitClients: a variable that divides clients into shares of a given size (split_clients).
#pragma once

#include <vector>

#include "core/value/value.hpp"

namespace berth {

class Loader;
struct Node;

class SplitClients {
 public:
    // split_clients TEXT $variable { 0.5% one; 2% two; * three; }: defines the variable for the protocol that
    // is being read. A text always falls into the same share, here and in nginx.
    static void read(Loader& loader, const Node& node);

    VariableText value_for(VariableHost& host) const;

    // MurmurHash2 by Austin Appleby, 32 bits, with the seed 0.
    static std::uint32_t hash(std::string_view text) noexcept;

 private:
    void read_share(Loader& loader, const Node& entry, std::uint64_t& sum);

    struct Share {
        std::uint32_t end = 0;  // of the hashes that fall into it; 0: all that are left
        Value value;
    };
    Value source_;
    std::vector<Share> shares_;
};

}  // namespace berth

// Map: a variable whose value depends on that of another text (map).
#pragma once

#include <memory>
#include <vector>

#include "core/text/name_map.hpp"
#include "core/text/string_map.hpp"
#include "core/value/value.hpp"
#include "modules/shared/pattern.hpp"

namespace berth {

// Precedence: the exact text (letter case ignored); with `hostnames` the longest mask *.x, then the longest
// mask x.*; the first regular expression in the order they were written; the default, which is empty unless
// given.
class Map {
 public:
    // map SOURCE $variable { … }: defines the variable for the protocol that is being read.
    static void read(Loader& loader, const Node& node);

    VariableText value_for(VariableHost& host) const;

 private:
    void read_entry(Loader& loader, const Node& entry);
    void add(Loader& loader, const Node& entry, Value value);
    const Value* find(VariableHost& host, std::string_view text) const;

    Value source_;
    StringMap<Value> exact_;
    NameMap<Value> names_;
    std::vector<std::pair<std::unique_ptr<Pattern>, Value>> patterns_;
    Value default_;
    bool has_default_ = false;
    bool hostnames_ = false;
    bool volatile_ = false;
};

}  // namespace berth

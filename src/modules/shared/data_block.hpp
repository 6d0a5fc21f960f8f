// The rows of directives whose block holds free words: map, geo, split_clients.
#pragma once

#include "core/config/loader.hpp"

namespace berth {

// void read(Loader&, const Node&)
template <auto Read>
constexpr Directive data_block(std::string_view name, Context where, Arity arity, std::string_view usage,
                               std::string_view help) {
    Directive row;
    row.name = name;
    row.contexts = where;
    row.help = help;
    row.kind = Kind::data;
    row.arity = arity;
    row.usage = usage;
    row.repeatable = true;
    row.apply = [](Loader& loader, const Directive&, const Node& node, void*) { Read(loader, node); };
    return row;
}

}  // namespace berth

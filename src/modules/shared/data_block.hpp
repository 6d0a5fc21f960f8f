// The rows of directives whose block holds free words: map, geo, split_clients.
#pragma once

#include "core/config/rows.hpp"

namespace berth {

// void read(Loader&, const Node&)
template <auto Read>
constexpr Directive data_block(std::string_view name, Context where, Arity arity, std::string_view usage,
                               std::string_view help) {
    return rows::repeatable(rows::statement<Read>(name, where, arity, usage, help, Kind::data));
}

}  // namespace berth

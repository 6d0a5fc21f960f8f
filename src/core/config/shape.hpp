// Shape: what the two syntaxes must know of a directive to read and write it, whether this build has it or
// not.
#pragma once

#include <optional>
#include <string_view>

#include "core/config/grammar.hpp"

namespace berth {

struct Shape {
    Kind kind = Kind::text;
    Arity arity;
    bool repeatable = false;
    Place inside{0, false};  // where the statements of a block stand

    bool is_block() const noexcept { return kind == Kind::block || kind == Kind::data; }
};

// The shape of `name` in `context`: its row there, else a row of that name from elsewhere, else nginx's
// directive of that name. `block` chooses where a name is both a block and none ("server"). Nothing when
// nobody knows the name.
std::optional<Shape> shape_of(const Grammar& grammar, std::string_view name, Context context, bool block);

}  // namespace berth

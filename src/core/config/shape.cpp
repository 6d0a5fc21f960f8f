// Looking shapes up: the build's own rows first, nginx's names after them.
#include "core/config/shape.hpp"

#include "core/config/include.hpp"
#include "core/config/known_directives.hpp"

namespace berth {

std::optional<Shape> shape_of(const Grammar& grammar, std::string_view name, Context context, bool block) {
    const auto of_row = [](const Directive& row) {
        return Shape{row.kind, row.arity, row.repeatable, Grammar::inside(&row)};
    };
    if (name == kInclude.name) return of_row(kInclude);
    if (const Directive* row = grammar.find(name, context)) return of_row(*row);

    std::optional<Shape> found;
    for (const Directive* row : grammar.named(name)) {
        if (!found || found->is_block() != block) found = of_row(*row);
    }
    if (found) return found;
    for (const KnownDirective& known : find_known(name)) {
        Shape shape{known.kind, known.arity, known.repeatable, {0, known.kind == Kind::data}};
        if (!found || found->is_block() != block) found = shape;
    }
    return found;
}

}  // namespace berth

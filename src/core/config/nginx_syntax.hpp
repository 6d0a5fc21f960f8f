// The parser of nginx's configuration syntax: words, `;` and braces to nodes.
#pragma once

#include "core/config/diagnostics.hpp"
#include "core/config/grammar.hpp"
#include "core/config/tree.hpp"

namespace berth {

// Appends the statements of `source` to `into`; `source` must outlive them. `place` is the block they stand
// in: names that are directives there tell a forgotten `;` from a long list of arguments. Goes on after an
// error, so that one run shows all of them; what `into` has then is good for nothing but finding more.
// `include` is left as a node.
void parse_nginx(const Source& source, const Grammar& grammar, Place place, std::vector<Node>& into,
                 Diagnostics& diagnostics);

}  // namespace berth

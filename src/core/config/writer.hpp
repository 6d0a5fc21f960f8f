// The writer: a tree as a configuration file in either syntax.
#pragma once

#include <string>

#include "core/config/grammar.hpp"
#include "core/config/tree.hpp"

namespace berth {

// The text of `root`'s children, indented, quoted only where needed. Reading it back with the same grammar
// gives the same names, arguments, nesting and order. Comments are not in a tree, and the first line says so.
// Ask unwritable() first.
std::string write_config(const Node& root, Syntax syntax, const Grammar& grammar);

// Null when the syntax can hold all of the tree; else where the first word stands that it cannot: YAML is
// UTF-8.
const Origin* unwritable(const Node& root, Syntax syntax);

}  // namespace berth

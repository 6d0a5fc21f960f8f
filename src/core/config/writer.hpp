// The writer: a tree as a configuration file in either syntax.
#pragma once

#include <string>

#include "core/config/grammar.hpp"
#include "core/config/tree.hpp"

namespace berth {

// The text of `root`'s children, indented, quoted only where needed. Reading it back with the same grammar
// gives the same names, arguments, nesting and order. Comments are not in a tree, and the first line says so.
std::string write_config(const Node& root, Syntax syntax, const Grammar& grammar);

}  // namespace berth

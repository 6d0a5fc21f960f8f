// The manual of directives, printed from their rows.
#pragma once

#include <string>
#include <string_view>

#include "core/config/grammar.hpp"

namespace berth {

// All directives, by the block they stand in, with the first sentence of their help.
std::string help_index(const Grammar& grammar);

// Everything about the directive `name`: syntax, default, context, module, help; several rows when it exists
// in several contexts. `found` says whether it exists; else the text says what was probably meant.
std::string help_directive(const Grammar& grammar, std::string_view name, bool& found);

// "SIZE", "on | off": how the arguments of a row are written.
std::string usage_text(const Directive& row);

}  // namespace berth

// The JSON Schema of the YAML form, for editors.
#pragma once

#include <string>

#include "core/config/grammar.hpp"

namespace berth {

// A draft-07 schema with descriptions, choices and blocks of all rows.
std::string json_schema(const Grammar& grammar);

}  // namespace berth

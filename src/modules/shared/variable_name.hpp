// The argument of a directive that defines a variable: "$name".
#pragma once

#include <optional>
#include <string_view>

#include "core/config/loader.hpp"

namespace berth {

// The name without its `$`; a word that is no variable is reported.
inline std::optional<std::string_view> variable_name(Loader& loader, const Word& word) {
    if (word.text.size() > 1 && word.text[0] == '$') return std::string_view(word.text).substr(1);
    loader.error(word.at, "invalid variable name \"" + word.text + "\"", "a variable begins with $");
    return std::nullopt;
}

}  // namespace berth

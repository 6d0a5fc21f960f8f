// Names of variables that a configuration defines.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/config/loader.hpp"
#include "core/value/variables.hpp"

namespace berth {

// False, with an error, for a variable that the server computes itself.
inline bool may_define(Loader& loader, const Origin& at, std::string_view name) {
    if (loader.variables()->may_define(name)) return true;
    loader.error(at, "the variable \"$" + std::string(name) + "\" is computed by the server",
                 "choose another name");
    return false;
}

// The argument of a directive that defines a variable, without its `$`; a word that is no variable, or one of
// the server's, is reported.
inline std::optional<std::string_view> variable_name(Loader& loader, const Word& word) {
    if (word.text.size() < 2 || word.text[0] != '$') {
        loader.error(word.at, "invalid variable name \"" + word.text + "\"", "a variable begins with $");
        return std::nullopt;
    }
    const std::string_view name = std::string_view(word.text).substr(1);
    if (!may_define(loader, word.at, name)) return std::nullopt;
    return name;
}

}  // namespace berth

// How the names of header fields are written in names of variables: "User-Agent" is user_agent.
#pragma once

#include <string>
#include <string_view>

#include "core/text/ascii.hpp"

namespace berth::http {

constexpr char variable_character(char c) noexcept { return c == '-' ? '_' : ascii::to_lower(c); }

inline std::string variable_name_of(std::string_view field) {
    std::string name(field);
    for (char& c : name) c = variable_character(c);
    return name;
}

// Letter case of the variable's name does not matter.
constexpr bool is_variable_name_of(std::string_view name, std::string_view field) noexcept {
    if (name.size() != field.size()) return false;
    for (std::size_t i = 0; i < name.size(); ++i) {
        if (ascii::to_lower(name[i]) != variable_character(field[i])) return false;
    }
    return true;
}

}  // namespace berth::http

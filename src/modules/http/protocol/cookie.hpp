// Looking up one cookie in the Cookie fields of a request.
#pragma once

#include <optional>
#include <string_view>

#include "modules/http/protocol/fields.hpp"

namespace berth::http {

// The value of the first cookie with this name, letter case ignored as in $cookie_name; quotes are not
// removed.
std::optional<std::string_view> find_cookie(std::string_view cookies, std::string_view name) noexcept;
std::optional<std::string_view> find_cookie(const FieldList& fields, std::string_view buffer,
                                            std::string_view name) noexcept;

}  // namespace berth::http

// What counts as true in a configured condition: `if ($x)`, `access_log … if=`, `early_hints`.
#pragma once

#include <string_view>

namespace berth {

constexpr bool is_true(std::string_view text) noexcept { return !text.empty() && text != "0"; }

}  // namespace berth

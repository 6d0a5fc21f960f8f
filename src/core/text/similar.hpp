// Similarity of words, for "did you mean".
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace berth {

// Edits (insert, delete, replace, swap neighbours) from a to b, ignoring case; `limit` + 1 as soon as it is
// sure to be more than `limit`. Words longer than 64 bytes count as more.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit);

// The name nearest to `word`, the first of equals; empty when none is near enough to be a plausible typing
// error (one edit for up to 4 letters, two for up to 8, otherwise three).
std::string_view closest(std::span<const std::string_view> names, std::string_view word);

}  // namespace berth

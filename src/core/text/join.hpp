// Texts put together in an arena.
#pragma once

#include <algorithm>
#include <string_view>

#include "core/memory/arena.hpp"

namespace berth {

// One text after the other, in the arena's memory; without a terminating NUL.
template <class... Texts>
std::string_view join(Arena& arena, const Texts&... texts) {
    const std::string_view parts[] = {std::string_view(texts)...};
    std::size_t size = 0;
    for (const std::string_view part : parts) size += part.size();
    const std::span<char> out = arena.array<char>(size);
    auto at = out.begin();
    for (const std::string_view part : parts) at = std::copy(part.begin(), part.end(), at);
    return {out.data(), out.size()};
}

}  // namespace berth

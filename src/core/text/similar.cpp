// Edit distance with transpositions, and the nearest name.
#include "core/text/similar.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "core/text/ascii.hpp"

namespace berth {
namespace {

constexpr std::size_t kLongest = 64;
using Row = std::array<std::size_t, kLongest + 1>;

}  // namespace

// Optimal string alignment: three rows of the usual table, since a swap looks two rows back.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
    const std::size_t gap = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
    if (gap > limit || a.size() > kLongest || b.size() > kLongest) return limit + 1;
    Row rows[3];
    Row* before = &rows[0];
    Row* above = &rows[1];
    Row* row = &rows[2];
    const auto same = [&](std::size_t i, std::size_t j) {
        return ascii::to_lower(a[i]) == ascii::to_lower(b[j]);
    };

    for (std::size_t j = 0; j <= b.size(); ++j) (*above)[j] = j;
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t least = (*row)[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t replaced = (*above)[j - 1] + (same(i - 1, j - 1) ? 0 : 1);
            std::size_t cost = std::min({replaced, (*above)[j] + 1, (*row)[j - 1] + 1});
            if (i > 1 && j > 1 && same(i - 1, j - 2) && same(i - 2, j - 1))
                cost = std::min(cost, (*before)[j - 2] + 1);
            (*row)[j] = cost;
            least = std::min(least, cost);
        }
        // No later row can be better, not even by a swap over this one: the row above it is at best one less.
        if (least > limit) return limit + 1;
        std::swap(before, above);
        std::swap(above, row);
    }
    return std::min((*above)[b.size()], limit + 1);
}

std::string_view closest(std::span<const std::string_view> names, std::string_view word) {
    const std::size_t allowed = word.size() <= 4 ? 1 : word.size() <= 8 ? 2 : 3;
    std::size_t best = allowed + 1;
    std::string_view nearest;
    for (const std::string_view name : names) {
        const std::size_t distance = edit_distance(word, name, best - 1);
        if (distance >= best) continue;
        best = distance;
        nearest = name;
        if (best == 0) break;
    }
    return nearest;
}

}  // namespace berth

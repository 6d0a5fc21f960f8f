// The reader of Berth's YAML: the same tree that nginx's syntax writes, by the rules of "a key is what stands
// before the arguments, its value is what stands after".
#pragma once

#include "core/config/diagnostics.hpp"
#include "core/config/grammar.hpp"
#include "core/config/tree.hpp"

namespace berth {

inline constexpr std::size_t kYamlMaxBytes = 8U << 20;    // of one file
inline constexpr std::size_t kYamlMaxLevels = 64;         // of lists and maps in each other
inline constexpr std::size_t kYamlMaxAliases = 10'000;    // `*name`, in one file
inline constexpr std::size_t kYamlMaxExpanded = 250'000;  // nodes that aliases stand for, all together

// Appends the statements of `source` to `into`; `source` must outlive them. `place` is the block they stand
// in (a file may be included anywhere). The rows of `grammar` decide what lists, maps, nulls and `true` mean.
// Throws nothing; `include` is left as a node. A directive that nobody knows becomes a node without children.
void parse_yaml(const Source& source, const Grammar& grammar, Place place, std::vector<Node>& into,
                Diagnostics& diagnostics);

}  // namespace berth

// Request targets: splitting, the normal form of a path, arguments.
#pragma once

#include <optional>
#include <string_view>

#include "core/memory/arena.hpp"
#include "modules/http/protocol/fields.hpp"

namespace berth::http {

struct TargetParts {
    std::string_view path;   // before ? and #
    std::string_view query;  // after ?, before #
    bool has_query = false;
};
// Splits "/path?query#fragment"; the fragment is left out.
TargetParts split_target(std::string_view target) noexcept;

struct NormalPath {
    std::string_view path;
    Refusal refusal;  // 400: an invalid %-sequence, %00, ".." above the root, no leading slash
};

// The form of a path in which locations and files are looked up: %-sequences decoded, then "." and ".."
// resolved, and runs of slashes merged when asked. What decodes to "/" or "." takes part in that. An empty
// path becomes "/". When nothing has to change the result is `raw` itself, otherwise a copy in the arena.
NormalPath normalize_path(std::string_view raw, Arena& arena, bool merge_slashes = true);

// What follows the last dot of the last segment ("gz" in "/a.b/c.tar.gz"), for MIME types. Empty when there
// is none, or when the only dot begins the segment ("/.profile").
std::string_view path_extension(std::string_view path) noexcept;

// The raw value of the first `name=value` in a query, letter case of the name ignored: $arg_name.
std::optional<std::string_view> find_argument(std::string_view query, std::string_view name) noexcept;

}  // namespace berth::http

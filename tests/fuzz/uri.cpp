// Fuzzes path normalisation: a result never holds a dot segment, nor more bytes than the path it came from.
#include "modules/http/protocol/uri.hpp"

#include <cstdlib>
#include <string>

namespace {

using namespace berth;
using namespace berth::http;

void require(bool condition) {
    if (!condition) std::abort();
}

void check(std::string_view raw, bool merge_slashes) {
    Arena arena;
    const NormalPath normal = normalize_path(raw, arena, merge_slashes);
    if (normal.refusal) {
        require(normal.refusal.status == 400);
        return;
    }
    require(normal.path.front() == '/');
    require(normal.path.size() <= raw.size() || raw.empty());
    require(normal.path.find('\0') == normal.path.npos);
    const std::string closed = std::string(normal.path) + "/";
    require(closed.find("/./") == closed.npos && closed.find("/../") == closed.npos);
    if (merge_slashes) require(normal.path.find("//") == normal.path.npos);
    if (normal.path.find('%') == normal.path.npos) {  // a normal form is its own normal form
        require(normalize_path(normal.path, arena, merge_slashes).path == normal.path);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string target(reinterpret_cast<const char*>(data), size);  // of exactly this size
    const TargetParts parts = split_target(target);
    require(parts.path.find('?') == parts.path.npos && parts.query.find('#') == parts.query.npos);
    check(parts.path, true);
    check(parts.path, false);
    check("/" + target, true);
    require(path_extension(parts.path).find('/') == std::string_view::npos);
    const auto argument = find_argument(parts.query, "a");
    require(!argument || argument->find('&') == argument->npos);
    return 0;
}

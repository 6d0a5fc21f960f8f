// From a URI to a path: root, alias, and what must never come out of them.

#include "core/cycle.hpp"
#include "core/text/join.hpp"
#include "modules/http/files/files.hpp"
#include "modules/http/location.hpp"
#include "modules/http/request.hpp"

namespace berth::http {
namespace {

// What the location puts in front.
std::string_view base_of(Request& request, const FilesConf& conf) {
    if (!conf.base.empty()) return conf.base;
    std::string_view base = conf.mapping->value.eval(request);
    if (!conf.mapping->alias && base.ends_with('/')) base.remove_suffix(1);
    if (base.starts_with('/')) return base;
    return request.arena().copy(request.cycle().below_prefix(base));
}

// What is left of the URI behind the name that an alias stands for; nothing when the URI was rewritten to one
// that does not begin with it.
std::optional<std::string_view> behind_name(const Location& location, std::string_view uri) {
    switch (location.kind) {
        case Location::Kind::prefix:
        case Location::Kind::prefix_final:
        case Location::Kind::exact:
            if (!uri.starts_with(location.name)) return std::nullopt;
            return uri.substr(location.name.size());
        default: return std::string_view();  // of a regular expression: the alias is the whole path
    }
}

// Whether ".." is a component of the path, from the component on that `from` lies in.
bool climbs(std::string_view path, std::size_t from) {
    std::size_t at = from == 0 ? 0 : path.rfind('/', from - 1);
    if (at == path.npos) at = 0;
    for (at = path.find("..", at); at != path.npos; at = path.find("..", at + 1)) {
        const bool begins = at == 0 || path[at - 1] == '/';
        const bool ends = at + 2 == path.size() || path[at + 2] == '/';
        if (begins && ends) return true;
    }
    return false;
}

// For system calls: a NUL stands behind it.
std::string_view join_path(Arena& arena, std::string_view base, std::string_view rest,
                           std::string_view suffix) {
    std::string_view path = join(arena, base, rest, suffix, std::string_view("\0", 1));
    path.remove_suffix(1);
    return path;
}

}  // namespace

std::optional<std::string_view> map_uri(Request& request, std::string_view uri, std::string_view suffix) {
    const FilesConf& conf = request.conf<FilesConf>();
    const Mapping& mapping = conf.mapping.value();
    const std::string_view base = base_of(request, conf);
    const std::optional<std::string_view> rest = mapping.alias ? behind_name(*mapping.location, uri) : uri;
    if (!rest) {
        request.log_at(LogLevel::alert,
                       "\"alias\" cannot be used in location \"{}\" where the URI was rewritten to \"{}\"",
                       mapping.location->name, uri);
        return std::nullopt;
    }
    const std::string_view path = join_path(request.arena(), base, *rest, suffix);
    // "location /a" with "alias /b/" makes "/b/../x" of "/a../x"; and variables bring what they like.
    const bool trusted = conf.may_climb || !conf.base.empty();
    if (path.find('\0') == path.npos && !climbs(path, trusted ? base.size() : 0)) return path;
    request.log_at(LogLevel::error, "\"{}\" is refused: it would leave the folder of its location", path);
    return std::nullopt;
}

std::optional<std::string_view> map_uri(Request& request) { return map_uri(request, request.uri()); }

std::string_view document_root(Request& request) { return base_of(request, request.conf<FilesConf>()); }

}  // namespace berth::http

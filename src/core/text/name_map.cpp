// What kind of pattern a server name is.
#include "core/text/name_map.hpp"

namespace berth {

NameKind name_kind(std::string_view pattern) noexcept {
    NameKind kind = NameKind::exact;
    if (pattern.starts_with("*.")) {
        kind = NameKind::leading;
        pattern.remove_prefix(2);
    } else if (pattern.starts_with('.')) {
        kind = NameKind::both;
        pattern.remove_prefix(1);
    } else if (pattern.ends_with(".*")) {
        kind = NameKind::trailing;
        pattern.remove_suffix(2);
    }
    if (pattern.empty()) return kind == NameKind::exact ? kind : NameKind::invalid;
    const bool clean = pattern.find('*') == pattern.npos && pattern.find('\0') == pattern.npos;
    const bool labels = pattern.find("..") == pattern.npos && !pattern.starts_with('.');
    const bool ends = kind == NameKind::exact || !pattern.ends_with('.');
    return clean && labels && ends ? kind : NameKind::invalid;
}

}  // namespace berth

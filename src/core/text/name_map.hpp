// NameMap: host names and wildcards to values, by the rules of nginx's server_name.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "core/text/string_map.hpp"

namespace berth {

enum class NameKind { exact, leading, trailing, both, invalid };

// How a pattern is to be read: "example.com" is exact, "*.example.com" leading, "www.example.*" trailing,
// ".example.com" is both exact and leading; a '*' anywhere else, or an empty label, is invalid. "" is exact
// (the request without a Host).
NameKind name_kind(std::string_view pattern) noexcept;

// Precedence: the exact name, then the longest leading wildcard, then the longest trailing one. Case does not
// matter. A wildcard stands for one or more whole labels. A lookup costs one hash lookup a label.
template <class T>
class NameMap {
 public:
    // False when the pattern is already there (its value stays). The pattern is valid: ask name_kind() first.
    bool insert(std::string_view pattern, T value) {
        switch (name_kind(pattern)) {
            case NameKind::exact: return exact_.insert(pattern, std::move(value)).second;
            case NameKind::leading: return leading_.insert(pattern.substr(2), std::move(value)).second;
            case NameKind::trailing:
                return trailing_.insert(pattern.substr(0, pattern.size() - 2), std::move(value)).second;
            case NameKind::both: {
                const bool fresh = exact_.insert(pattern.substr(1), value).second;
                return leading_.insert(pattern.substr(1), std::move(value)).second && fresh;
            }
            case NameKind::invalid: break;
        }
        return false;
    }

    const T* find(std::string_view name) const noexcept {
        if (const T* value = exact_.find(name)) return value;
        if (!leading_.empty()) {
            for (std::size_t dot = name.find('.'); dot != name.npos; dot = name.find('.', dot + 1)) {
                if (dot == 0) continue;
                if (const T* value = leading_.find(name.substr(dot + 1))) return value;
            }
        }
        if (!trailing_.empty()) {
            for (std::size_t dot = name.rfind('.'); dot != name.npos && dot > 0;
                 dot = name.rfind('.', dot - 1)) {
                if (dot + 1 == name.size()) continue;
                if (const T* value = trailing_.find(name.substr(0, dot))) return value;
            }
        }
        return nullptr;
    }

    bool empty() const noexcept { return exact_.empty() && leading_.empty() && trailing_.empty(); }
    std::size_t size() const noexcept { return exact_.size() + leading_.size() + trailing_.size(); }

 private:
    StringMap<T> exact_;
    StringMap<T> leading_;   // "*.example.com" and ".example.com" under "example.com"
    StringMap<T> trailing_;  // "www.example.*" under "www.example"
};

}  // namespace berth

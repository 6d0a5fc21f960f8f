// Request targets: splitting, the normal form of a path, arguments.
#include "modules/http/protocol/uri.hpp"

#include <algorithm>
#include <span>

#include "core/text/ascii.hpp"
#include "modules/http/protocol/scan.hpp"

namespace berth::http {
namespace {

// True when normal form and raw form are the same for sure: no "%" or zero byte, and no "/" before a "." or
// another "/".
bool is_plain_path(std::string_view path) noexcept {
    for (std::size_t at = 0; at < path.size(); at = find_first<PathMark>(path, at)) {
        if (path[at] != '/') return false;
        if (++at < path.size() && (path[at] == '/' || path[at] == '.')) return false;
    }
    return true;
}

// Builds the normal form in memory of the raw length, which it never exceeds: each byte of it comes from at
// least one.
class PathBuilder {
 public:
    PathBuilder(std::span<char> out, bool merge_slashes) noexcept : out_(out), merge_(merge_slashes) {}

    // False: ".." climbs above the root.
    bool add(char c) noexcept {
        if (c != '/') {
            out_[size_++] = c;
            return true;
        }
        return end_of_segment(true);
    }
    bool finish() noexcept { return end_of_segment(false); }
    std::string_view text() const noexcept { return {out_.data(), size_}; }

 private:
    // A segment begins behind each slash of the result. "." and ".." vanish together with the slash that ends
    // them.
    bool end_of_segment(bool slash) noexcept {
        const std::string_view segment = text().substr(segment_);
        if (segment == ".") {
            size_ = segment_;
            return true;
        }
        if (segment == "..") return climb();
        const bool merged = merge_ && segment.empty() && size_ > 0;
        if (slash && !merged) out_[size_++] = '/';
        if (slash) segment_ = size_;
        return true;
    }
    bool climb() noexcept {
        if (segment_ <= 1) return false;
        size_ = text().rfind('/', segment_ - 2) + 1;
        segment_ = size_;
        return true;
    }

    std::span<char> out_;
    std::size_t size_ = 0;
    std::size_t segment_ = 0;
    bool merge_;
};

NormalPath refuse(std::string_view words) noexcept { return {{}, {400, words}}; }

// The byte that the %-sequence at the front stands for; -1 when it is none.
int decode(std::string_view text) noexcept {
    if (text.size() < 3) return -1;
    const int high = ascii::hex_value(text[1]);
    const int low = ascii::hex_value(text[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace

TargetParts split_target(std::string_view target) noexcept {
    TargetParts parts;
    const std::size_t end = find_first<PathEnd<false>>(target, 0);
    parts.path = target.substr(0, end);
    if (end == target.size() || target[end] == '#') return parts;
    parts.has_query = true;
    const std::string_view rest = target.substr(end + 1);
    parts.query = rest.substr(0, rest.find('#'));
    return parts;
}

NormalPath normalize_path(std::string_view raw, Arena& arena, bool merge_slashes) {
    if (raw.empty()) return {"/", {}};
    if (raw.front() != '/') return refuse("client sent path without leading slash");
    if (is_plain_path(raw)) return {raw, {}};
    PathBuilder path(arena.array<char>(raw.size()), merge_slashes);
    for (std::size_t at = 0; at < raw.size(); ++at) {
        int c = static_cast<unsigned char>(raw[at]);
        if (c == '%') {
            c = decode(raw.substr(at));
            if (c < 0) return refuse("client sent invalid percent-encoding in path");
            at += 2;
        }
        if (c == 0) return refuse("client sent zero byte in path");
        if (!path.add(static_cast<char>(c))) return refuse("client sent path above the root");
    }
    if (!path.finish()) return refuse("client sent path above the root");
    return {path.text() == raw ? raw : path.text(), {}};
}

std::string_view path_extension(std::string_view path) noexcept {
    for (std::size_t at = path.size(); at > 0 && path[at - 1] != '/'; --at) {
        if (path[at - 1] != '.') continue;
        const bool begins_name = at == 1 || path[at - 2] == '/';
        return begins_name ? std::string_view() : path.substr(at);
    }
    return {};
}

std::optional<std::string_view> find_argument(std::string_view query, std::string_view name) noexcept {
    while (!name.empty() && query.size() > name.size()) {
        const std::size_t end = std::min(query.find('&'), query.size());
        const std::string_view argument = query.substr(0, end);
        if (argument.size() > name.size() && argument[name.size()] == '=' &&
            ascii::starts_with_ci(argument, name)) {
            return argument.substr(name.size() + 1);
        }
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return std::nullopt;
}

}  // namespace berth::http

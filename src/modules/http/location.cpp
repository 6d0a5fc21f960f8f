// Which location a URI belongs to.
#include "modules/http/location.hpp"

#include "modules/http/redirect.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

namespace {

std::unique_ptr<PrefixMap<Location*>>& made(std::unique_ptr<PrefixMap<Location*>>& map) {
    if (!map) map = std::make_unique<PrefixMap<Location*>>();
    return map;
}

}  // namespace

bool Locations::add_exact(std::string_view uri, Location& location) {
    return made(exact_)->insert(uri, &location).second;
}

bool Locations::add_prefix(std::string_view uri, Location& location) {
    return made(prefixes_)->insert(uri, &location).second;
}

bool Locations::add_named(std::string_view name, Location& location) {
    if (named(name) != nullptr) return false;
    named_.emplace_back(std::string(name), &location);
    return true;
}

const Location* Locations::folder_of(std::string_view uri, Arena& arena) const {
    if (!has_folders_ || uri.ends_with('/')) return nullptr;
    return find_folder(uri, join(arena, uri, "/"));
}

const Location* Locations::find_folder(std::string_view uri, std::string_view with_slash) const {
    for (const auto* map : {exact_.get(), prefixes_.get()}) {
        if (map != nullptr && map->find(uri) != nullptr) return nullptr;
    }
    for (const auto* map : {exact_.get(), prefixes_.get()}) {
        Location* const* folder = map != nullptr ? map->find(with_slash) : nullptr;
        if (folder != nullptr && (*folder)->content.adds_slash) return *folder;
    }
    if (!prefixes_) return nullptr;
    const auto around = prefixes_->longest(uri);
    return around ? (*around.value)->inner.find_folder(uri, with_slash) : nullptr;
}

void Location::answer_with(const ContentHandler& handler) noexcept {
    content = handler;
    if (!handler.adds_slash) return;
    for (Location* around = outer; around != nullptr; around = around->outer) around->inner.mark_folders();
}

void Locations::add_regex(Location& location) { regexes_.push_back(&location); }

Location* Locations::named(std::string_view name) const {
    for (const auto& [known, location] : named_) {
        if (known == name) return location;
    }
    return nullptr;
}

Locations::Found Locations::look_up(Request& request, std::string_view uri) const {
    if (exact_) {
        if (Location* const* exact = exact_->find(uri)) return {*exact, true};
    }
    Found best;
    bool asks_regexes = true;
    if (prefixes_) {
        if (auto match = prefixes_->longest(uri)) best.location = *match.value;
    }
    if (best.location != nullptr) {
        asks_regexes = best.location->kind != Location::Kind::prefix_final;
        const Found inner = best.location->inner.look_up(request, uri);
        if (inner.settled) return inner;
        if (inner.location != nullptr) best = inner;
    }
    if (!asks_regexes) return best;
    for (Location* location : regexes_) {
        if (!location->pattern->match(request, uri)) continue;
        const Found inner = location->inner.look_up(request, uri);
        return {inner.location != nullptr ? inner.location : location, true};
    }
    return best;
}

}  // namespace berth::http

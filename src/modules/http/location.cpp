// Which location a URI belongs to.
#include "modules/http/location.hpp"

#include "modules/http/capture_variables.hpp"
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

void Locations::add_regex(Location& location) { regexes_.push_back(&location); }

Location* Locations::named(std::string_view name) const {
    for (const auto& [known, location] : named_) {
        if (known == name) return location;
    }
    return nullptr;
}

Location* Locations::find(Request& request, std::string_view uri) const {
    if (exact_) {
        if (Location* const* exact = exact_->find(uri)) return *exact;
    }
    Location* prefix = nullptr;
    if (prefixes_) {
        if (auto match = prefixes_->longest(uri)) prefix = *match.value;
    }
    if (prefix != nullptr) {
        if (Location* inner = prefix->inner.find(request, uri)) return inner;
        if (prefix->kind == Location::Kind::prefix_final) return prefix;
    }
    for (Location* location : regexes_) {
        if (!match_and_capture(*location->regex, location->capture_variables, request, uri)) continue;
        Location* inner = location->inner.find(request, uri);
        return inner != nullptr ? inner : location;
    }
    return prefix;
}

}  // namespace berth::http

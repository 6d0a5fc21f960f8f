// Reading map{} and looking texts up in it.
#include "modules/shared/map.hpp"

#include "core/config/loader.hpp"
#include "modules/shared/variable_name.hpp"

namespace berth {

void Map::read(Loader& loader, const Node& node) {
    const auto name = variable_name(loader, node.args[1]);
    if (!name) return;
    Map& map = *loader.arena().create<Map>();
    map.source_ = loader.compile(node.args[0]);
    // How keys are to be read must be known before the first of them.
    for (const Node& entry : node.children) {
        map.hostnames_ |= entry.name == "hostnames" && entry.args.empty();
        map.volatile_ |= entry.name == "volatile" && entry.args.empty();
    }
    for (const Node& entry : node.children) map.read_entry(loader, entry);
    loader.variables()->define_own(
        *name,
        [](VariableHost& host, std::uintptr_t data) {
            return reinterpret_cast<const Map*>(data)->value_for(host);
        },
        reinterpret_cast<std::uintptr_t>(&map), map.volatile_ ? Caching::never : Caching::once);
}

void Map::read_entry(Loader& loader, const Node& entry) {
    if (entry.args.empty() && (entry.name == "hostnames" || entry.name == "volatile")) return;
    if (entry.args.size() != 1) {
        return loader.error(entry.at, "a map's entry is a text and a value, not " +
                                          std::to_string(entry.args.size()) + " values");
    }
    Value value = loader.compile(entry.args[0]);
    if (entry.name != "default") return add(loader, entry, std::move(value));
    if (has_default_) return loader.error(entry.at, "duplicate default map parameter");
    default_ = std::move(value);
    has_default_ = true;
}

void Map::add(Loader& loader, const Node& entry, Value value) {
    std::string_view key = entry.name;
    if (key.starts_with('~')) {
        Regex::Options options;
        options.ignore_case = key.starts_with("~*");
        key.remove_prefix(options.ignore_case ? 2 : 1);
        if (auto pattern = Pattern::compile(loader, key, entry.at, options)) {
            patterns_.emplace_back(std::move(pattern), std::move(value));
        }
        return;
    }
    // A backslash takes the meaning from what would be a parameter or a regular expression.
    if (key.starts_with('\\')) key.remove_prefix(1);
    const NameKind kind = hostnames_ ? name_kind(key) : NameKind::exact;
    if (kind == NameKind::invalid) {
        return loader.error(entry.at, "invalid hostname or wildcard \"" + entry.name + "\"",
                            "a mask is .example.com, *.example.com or example.*");
    }
    const bool fresh = kind == NameKind::exact ? exact_.insert(key, std::move(value)).second
                                               : names_.insert(key, std::move(value));
    if (!fresh)
        loader.error(entry.at, "conflicting parameter \"" + entry.name + "\"", "it is in this map already");
}

const Value* Map::find(VariableHost& host, std::string_view text) const {
    std::string_view name = text;
    if (hostnames_ && name.ends_with('.')) name.remove_suffix(1);
    if (const Value* value = exact_.find(name)) return value;
    if (hostnames_) {
        if (const Value* value = names_.find(name)) return value;
    }
    for (const auto& [pattern, value] : patterns_) {
        if (pattern->match(host, text)) return &value;
    }
    return &default_;
}

VariableText Map::value_for(VariableHost& host) const {
    return find(host, source_.eval(host))->eval_or_missing(host);
}

}  // namespace berth

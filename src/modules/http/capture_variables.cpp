// How captures reach a request's variables.
#include "modules/http/capture_variables.hpp"

#include "core/config/loader.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

std::vector<int> capture_variables(const Regex& regex, Loader& loader) {
    std::vector<int> by_group;
    for (const Regex::Name& name : regex.names()) {
        if (by_group.size() <= name.group) by_group.resize(name.group + 1, -1);
        Variables& variables = *loader.variables();
        if (!variables.defined(name.name)) {
            // A named group has a value only after its match.
            variables.define(name.name, [](VariableHost&, std::uintptr_t) -> VariableText {
                return VariableText::missing();
            });
        }
        by_group[name.group] = variables.index(name.name);
    }
    return by_group;
}

bool match_and_capture(const Regex& regex, const std::vector<int>& variables, Request& request,
                       std::string_view subject) {
    Captures captures;
    const Regex::Outcome outcome = regex.match(subject, captures);
    if (outcome == Regex::Outcome::limited) {
        request.log_at(LogLevel::error, "matching \"{}\" exceeded the limits of a match", regex.pattern());
    }
    if (outcome != Regex::Outcome::yes) return false;
    auto texts = request.arena().array<std::string_view>(captures.count());
    for (std::size_t group = 0; group < texts.size(); ++group) {
        texts[group] = captures.group(subject, group);
        if (group < variables.size() && variables[group] >= 0) request.assign(variables[group], texts[group]);
    }
    request.set_captures(texts);
    return true;
}

}  // namespace berth::http

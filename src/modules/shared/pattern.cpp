// Compiling patterns, and handing their groups to whom they were matched for.
#include "modules/shared/pattern.hpp"

#include "core/config/loader.hpp"
#include "modules/shared/variable_name.hpp"

namespace berth {

namespace {

// A named group has a value only after its match.
VariableText no_match_yet(VariableHost&, std::uintptr_t) { return VariableText::missing(); }

}  // namespace

std::unique_ptr<Pattern> Pattern::compile(Loader& loader, std::string_view text, const Origin& at,
                                          Regex::Options options) {
    Result<Regex> regex = loader.compile_regex(text, options);
    if (!regex) {
        loader.error(at, regex.error().message);
        return nullptr;
    }
    if (loader.variables() != nullptr) {
        for (const Regex::Name& name : regex->names()) may_define(loader, at, name.name);
    }
    return std::unique_ptr<Pattern>(new Pattern(*std::move(regex), loader.variables()));
}

Pattern::Pattern(Regex regex, Variables* variables) : regex_(std::move(regex)) {
    if (variables == nullptr) return;
    for (const Regex::Name& name : regex_.names()) {
        if (variables_.size() <= name.group) variables_.resize(name.group + 1, -1);
        if (!variables->defined(name.name)) variables->define_own(name.name, no_match_yet);
        variables_[name.group] = variables->index(name.name);
    }
}

bool Pattern::match(VariableHost& host, std::string_view subject) const {
    Captures captures;
    const Regex::Outcome outcome = regex_.match(subject, captures);
    if (outcome == Regex::Outcome::limited) host.on_match_limit(regex_.pattern());
    if (outcome != Regex::Outcome::yes) return false;
    auto texts = host.arena().array<std::string_view>(captures.count());
    for (std::size_t group = 0; group < texts.size(); ++group) {
        texts[group] = captures.group(subject, group);
        if (group < variables_.size() && variables_[group] >= 0) {
            host.assign(variables_[group], texts[group]);
        }
    }
    host.set_captures(texts);
    return true;
}

}  // namespace berth

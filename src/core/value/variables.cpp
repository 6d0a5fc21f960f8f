// Lookup of variables by name while loading, and their remembered values while serving.
#include "core/value/variables.hpp"

#include <algorithm>

#include "core/config/diagnostics.hpp"
#include "core/text/similar.hpp"

namespace berth {

Variable& Variables::define(std::string_view name, VariableGetter get, std::uintptr_t data, Caching caching) {
    Variable& variable = definitions_[std::string(name)];
    variable.name = std::string(name);
    variable.get = get;
    variable.data = data;
    variable.caching = caching;
    return variable;
}

Variable& Variables::define_own(std::string_view name, VariableGetter get, std::uintptr_t data,
                                Caching caching) {
    Variable& variable = define(name, get, data, caching);
    variable.own = true;
    return variable;
}

bool Variables::may_define(std::string_view name) const {
    const Variable* known = find(name);
    return known == nullptr || known->own || known->set != nullptr;
}

void Variables::define_prefix(std::string_view prefix, VariableGetter get, Caching caching) {
    prefixes_.push_back({std::string(prefix), get, caching});
}

bool Variables::defined(std::string_view name) const { return find(name) != nullptr; }

int Variables::index(std::string_view name, const Origin& at) {
    auto [entry, is_new] = index_by_name_.try_emplace(std::string(name), static_cast<int>(used_.size()));
    if (is_new) {
        Variable variable;
        variable.name = std::string(name);
        variable.first_use = at;
        used_.push_back(std::move(variable));
    }
    return entry->second;
}

const Variable* Variables::find(std::string_view name) const {
    auto found = definitions_.find(std::string(name));
    return found != definitions_.end() ? &found->second : nullptr;
}

int Variables::find_index(std::string_view name) const {
    auto found = index_by_name_.find(std::string(name));
    return found != index_by_name_.end() ? found->second : -1;
}

bool Variables::connect(Variable& variable) {
    if (const Variable* definition = find(variable.name)) {
        const Origin first_use = variable.first_use;
        variable = *definition;
        variable.first_use = first_use;
        return true;
    }
    for (const Prefix& prefix : prefixes_) {
        if (!variable.name.starts_with(prefix.text) || variable.name.size() == prefix.text.size()) continue;
        rests_.push_back(variable.name.substr(prefix.text.size()));
        variable.get = prefix.get;
        variable.data = reinterpret_cast<std::uintptr_t>(rests_.back().c_str());
        variable.caching = prefix.caching;
        return true;
    }
    return false;
}

void Variables::check(Diagnostics& diagnostics) {
    std::vector<std::string_view> names;
    for (const auto& [name, definition] : definitions_) names.push_back(name);
    std::ranges::sort(names);
    for (Variable& variable : used_) {
        if (connect(variable)) continue;
        std::string_view similar = closest(names, variable.name);
        diagnostics.error(
            variable.first_use, "unknown variable \"$" + variable.name + "\"",
            similar.empty() ? std::string() : "did you mean \"$" + std::string(similar) + "\"?");
    }
}

VariableHost::Slot& VariableHost::slot(int index) {
    if (slots_.empty()) {
        slots_ = arena().array<Slot>(variables_->used_count());
        std::ranges::fill(slots_, Slot{{}, Slot::State::empty});
    }
    return slots_[static_cast<std::size_t>(index)];
}

VariableText VariableHost::variable(int index) {
    const Variable& variable = variables_->used(index);
    Slot& place = slot(index);
    if (place.state == Slot::State::known) return {place.text, true};
    if (place.state == Slot::State::missing) return VariableText::missing();
    // A variable defined by itself (a map over its own result) is missing inside its own computation.
    if (place.state == Slot::State::computing || variable.get == nullptr) return VariableText::missing();
    place.state = Slot::State::computing;
    const VariableText value = variable.get(*this, variable.data);
    place.text = value.text;
    place.state = variable.caching == Caching::never ? Slot::State::empty
                  : value.found                      ? Slot::State::known
                                                     : Slot::State::missing;
    return value;
}

VariableText VariableHost::variable(std::string_view name) {
    if (const int index = variables_->find_index(name); index >= 0) return variable(index);
    const Variable* definition = variables_->find(name);
    return definition != nullptr ? definition->get(*this, definition->data) : VariableText::missing();
}

void VariableHost::assign(int index, std::string_view text) {
    const Variable& variable = variables_->used(index);
    if (variable.set != nullptr) {
        variable.set(*this, text, variable.data);
        return;
    }
    slot(index) = Slot{text, Slot::State::known};
}

void VariableHost::forget(int index) noexcept {
    if (!slots_.empty()) slots_[static_cast<std::size_t>(index)].state = Slot::State::empty;
}

}  // namespace berth

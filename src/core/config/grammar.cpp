// Looking directives up, and finding words for those that are not there.
#include "core/config/grammar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/build_info.hpp"
#include "core/config/known_directives.hpp"
#include "core/text/similar.hpp"

namespace berth {

Grammar::Grammar(std::span<const Module* const> modules) : modules_(modules) {
    for (const Module* module : modules_) {
        for (const Directive& row : module->directives) by_name_.push_back({row.name, &row, by_name_.size()});
    }
    std::sort(by_name_.begin(), by_name_.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.name, a.order) < std::pair(b.name, b.order);
    });
}

const Grammar& Grammar::instance() {
    static const Grammar grammar(berth::modules());
    return grammar;
}

std::span<const Grammar::Entry> Grammar::entries(std::string_view name) const {
    const auto less = [](const Entry& entry, std::string_view wanted) { return entry.name < wanted; };
    const auto first = std::lower_bound(by_name_.begin(), by_name_.end(), name, less);
    auto last = first;
    while (last != by_name_.end() && last->name == name) ++last;
    return {first, last};
}

const Directive* Grammar::find(std::string_view name, Context context) const {
    for (const Entry& entry : entries(name)) {
        if ((entry.row->contexts & context) != 0) return entry.row;
    }
    return nullptr;
}

std::vector<const Directive*> Grammar::named(std::string_view name) const {
    std::vector<const Directive*> rows;
    for (const Entry& entry : entries(name)) rows.push_back(entry.row);
    return rows;
}

const Directive* Grammar::find_anywhere(std::string_view name) const {
    const auto found = entries(name);
    return found.empty() ? nullptr : found.front().row;
}

std::vector<const Directive*> Grammar::in(Context context) const {
    std::vector<const Directive*> rows;
    for (const Module* module : modules_) {
        for (const Directive& row : module->directives) {
            if ((row.contexts & context) != 0) rows.push_back(&row);
        }
    }
    return rows;
}

std::string_view Grammar::block_name(Context context) const {
    if ((context & in_main) != 0) return "the main context";
    for (const Entry& entry : by_name_) {
        if (entry.row->kind == Kind::block && (entry.row->opens & context) != 0) return entry.name;
    }
    return "this block";
}

std::string Grammar::contexts_text(Context contexts) const {
    std::vector<std::string_view> names;
    for (Context bit = 1; bit != 0; bit <<= 1) {
        if ((contexts & bit) == 0) continue;
        const std::string_view name = bit == in_main ? "main" : block_name(bit);
        if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
    }
    return fmt::format("{}", fmt::join(names, ", "));
}

Place Grammar::inside(const Directive* row) {
    if (row == nullptr) return {0, false};
    return {row->opens, row->kind == Kind::data};
}

const Module* Grammar::module_of(const Directive* row) const {
    for (const Module* module : modules_) {
        const std::span<const Directive> rows = module->directives;
        if (!rows.empty() && std::less_equal<>{}(rows.data(), row) &&
            std::less<>{}(row, rows.data() + rows.size())) {
            return module;
        }
    }
    return nullptr;
}

Grammar::Advice Grammar::unknown(std::string_view name, Context context) const {
    const std::string_view block = block_name(context);
    Context elsewhere = 0;
    for (const Entry& entry : entries(name)) elsewhere |= entry.row->contexts;
    if (elsewhere != 0) {
        return {fmt::format("\"{}\" belongs in {}, not in {}", name, contexts_text(elsewhere), block), {}};
    }
    if (const auto known = find_known(name); !known.empty()) {
        return {fmt::format("\"{}\" is known to nginx, not in this build", name),
                origin_of(known.front().module)};
    }

    Advice advice{fmt::format("unknown directive \"{}\" in {}", name, block), {}};
    std::vector<std::string_view> names;
    for (const Directive* row : in(context)) names.push_back(row->name);
    if (const auto near = closest(names, name); !near.empty()) {
        advice.hint = fmt::format("did you mean \"{}\"?", near);
        return advice;
    }
    names.clear();
    for (const Entry& entry : by_name_) names.push_back(entry.name);
    if (const auto near = closest(names, name); !near.empty()) {
        Context contexts = 0;
        for (const Entry& entry : entries(near)) contexts |= entry.row->contexts;
        advice.hint = fmt::format("did you mean \"{}\"? It belongs in {}", near, contexts_text(contexts));
        return advice;
    }
    names.clear();
    for (const KnownDirective& known : known_directives()) names.push_back(known.name);
    if (const auto near = closest(names, name); !near.empty()) {
        advice.hint = fmt::format("did you mean nginx's \"{}\"? It is not in this build", near);
    }
    return advice;
}

// What brings a directive that this build lacks.
std::string Grammar::origin_of(std::string_view module) const {
    const bool built = std::any_of(modules_.begin(), modules_.end(),
                                   [&](const Module* candidate) { return candidate->name == module; });
    if (module == "core" || module == "http" || built) {
        return kLeavesModulesOut ? "of a module that this build leaves out, or not supported yet"
                                 : "not supported yet";
    }
    return fmt::format("it is of nginx's module {}; ./configure --help lists the modules there are", module);
}

}  // namespace berth

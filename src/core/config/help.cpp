// The manual: rows laid out as text.
#include "core/config/help.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "core/config/include.hpp"
#include "core/config/known_directives.hpp"
#include "core/text/similar.hpp"

namespace berth {
namespace {

constexpr std::size_t kWidth = 96;
constexpr std::size_t kNameColumn = 34;

// Breaks `text` at blanks into lines of at most kWidth, each behind `indent`.
std::string wrapped(std::string_view text, std::string_view indent) {
    std::string out;
    std::size_t column = 0;
    while (!text.empty()) {
        const std::size_t blank = std::min(text.find(' '), text.size());
        if (column != 0 && column + 1 + blank > kWidth) {
            out += '\n';
            column = 0;
        }
        out += column == 0 ? indent : " ";
        out += text.substr(0, blank);
        column += blank + (column == 0 ? indent.size() : 1);
        text.remove_prefix(std::min(blank + 1, text.size()));
    }
    return out + '\n';
}

std::string_view first_sentence(std::string_view help) {
    const std::size_t end = help.find(". ");
    return end == std::string_view::npos ? help : help.substr(0, end + 1);
}

Context lowest(Context contexts) { return contexts & (~contexts + 1U); }

std::string index_of(const Grammar& grammar, Context block) {
    std::string own;
    std::vector<std::string_view> shared;
    for (const Directive* row : grammar.in(block)) {
        if (lowest(row->contexts) != block) {
            shared.push_back(row->name);
            continue;
        }
        own += fmt::format("  {:<{}} {}\n", row->name, kNameColumn, first_sentence(row->help));
    }
    if (!shared.empty()) own += wrapped(fmt::format("also here: {}", fmt::join(shared, ", ")), "  ");
    return own;
}

// Which blocks exist: the main one, and those that some row opens.
Context blocks_of(const Grammar& grammar) {
    Context blocks = in_main;
    for (const Module* module : grammar.modules()) {
        for (const Directive& row : module->directives) blocks |= row.opens;
    }
    return blocks;
}

std::string page(const Grammar& grammar, const Directive& row) {
    const Module* module = grammar.module_of(&row);
    std::string out = fmt::format("{}\n", row.name);
    const std::string usage = usage_text(row);
    const std::string_view end = row.is_block() && !usage.ends_with('}') ? " { ... }" : "";
    out += fmt::format("    Syntax:   {}{}{}{}\n", row.name, usage.empty() ? "" : " ", usage, end);
    const std::string fallback = row.default_value();
    if (!fallback.empty()) out += fmt::format("    Default:  {} {}\n", row.name, fallback);
    const bool anywhere = row.contexts == kInclude.contexts;
    out += fmt::format("    Context:  {}\n",
                       anywhere ? "any block" : grammar.contexts_text(row.contexts & blocks_of(grammar)));
    if (row.repeatable) out += "    Repeats:  may be written several times in a block\n";
    if (module != nullptr) out += fmt::format("    Module:   {}\n", module->name);
    return out + '\n' + wrapped(row.help, "    ");
}

std::string not_found(const Grammar& grammar, std::string_view name) {
    if (const auto known = find_known(name); !known.empty()) {
        const Grammar::Advice advice = grammar.unknown(name, in_main);
        return fmt::format("{}\n    {}\n", advice.message, advice.hint);
    }
    std::vector<std::string_view> names;
    std::vector<std::string_view> containing;
    for (const Module* module : grammar.modules()) {
        for (const Directive& row : module->directives) {
            names.push_back(row.name);
            if (!name.empty() && row.name.find(name) != std::string_view::npos)
                containing.push_back(row.name);
        }
    }
    std::string out = fmt::format("there is no directive \"{}\"\n", name);
    if (const auto near = closest(names, name); !near.empty()) {
        out += fmt::format("    did you mean \"{}\"?\n", near);
    } else if (!containing.empty()) {
        out += wrapped(fmt::format("directives with that in their name: {}", fmt::join(containing, ", ")),
                       "    ");
    }
    return out;
}

}  // namespace

std::string usage_text(const Directive& row) {
    if (!row.usage.empty()) return std::string(row.usage);
    if (row.arity.most == 0) return {};
    std::string choices = fmt::format("{}", fmt::join(row.choices, " | "));
    std::string word;
    switch (row.kind) {
        case Kind::flag: return "on | off";
        case Kind::choice: return choices;
        case Kind::number: word = "NUMBER"; break;
        case Kind::size: word = "SIZE"; break;
        case Kind::duration: word = "TIME"; break;
        default: word = "VALUE"; break;
    }
    if (!choices.empty()) word += " | " + choices;
    if (row.arity.most > 1) word += " ...";
    return row.arity.least == 0 ? "[" + word + "]" : word;
}

std::string help_index(const Grammar& grammar) {
    std::string out;
    const Context blocks = blocks_of(grammar);
    for (Context block = 1; block != 0; block <<= 1) {
        if ((blocks & block) == 0) continue;
        const std::string rows = index_of(grammar, block);
        if (!rows.empty())
            out += fmt::format("{}In {}\n{}", out.empty() ? "" : "\n", grammar.block_name(block), rows);
    }
    return out + fmt::format("\nIn any block\n  {:<{}} {}\n", kInclude.name, kNameColumn,
                             first_sentence(kInclude.help));
}

std::string help_directive(const Grammar& grammar, std::string_view name, bool& found) {
    if (name == kInclude.name) return found = true, page(grammar, kInclude);
    const auto rows = grammar.named(name);
    found = !rows.empty();
    if (!found) return not_found(grammar, name);
    std::string out;
    for (const Directive* row : rows) out += (out.empty() ? "" : "\n") + page(grammar, *row);
    return out;
}

}  // namespace berth

// Commands: found by name, written as a line, and read again.
#include "core/command.hpp"

#include <vector>

#include "core/config/nginx_syntax.hpp"
#include "core/config/words.hpp"
#include "core/module.hpp"
#include "core/text/similar.hpp"

namespace berth {

namespace {

constexpr std::string_view kSource = "command";

}  // namespace

const Command* find_command(std::string_view name) noexcept {
    for (const Module* module : modules()) {
        for (const Command& command : module->commands) {
            if (command.name == name) return &command;
        }
    }
    return nullptr;
}

Error unknown_command(std::string_view name) {
    std::vector<std::string_view> names;
    for (const Module* module : modules()) {
        for (const Command& command : module->commands) names.push_back(command.name);
    }
    std::string text = "unknown command \"" + std::string(name) + "\"";
    if (const std::string_view near = closest(names, name); !near.empty()) {
        text += "; did you mean \"" + std::string(near) + "\"?";
    }
    return Error(text);
}

std::string command_line(std::span<const std::string> words) {
    std::string line;
    for (const std::string& word : words) {
        if (!line.empty()) line += ' ';
        line += quote_word(word, Punctuation::special);
    }
    return line;
}

const Node* read_command(const std::string& line, ConfigTree& tree, Diagnostics& findings) {
    auto source = std::make_unique<Source>();
    source->path = kSource;
    source->text = line + "\n;";  // shown without the semicolon
    source->syntax = Syntax::nginx;
    tree.sources.push_back(std::move(source));
    parse_nginx(*tree.sources.back(), Grammar::instance(), Place{}, tree.root.children, findings);
    const std::vector<Node>& nodes = tree.root.children;
    if (!findings.failed() && (nodes.size() != 1 || nodes[0].block)) {
        findings.error({tree.sources.back().get(), 1, 1, 1}, "a command is one line of words");
    }
    return findings.failed() ? nullptr : &nodes[0];
}

}  // namespace berth

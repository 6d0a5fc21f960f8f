// Writing a tree: statements line by line, with the quotes that each syntax needs.
#include "core/config/writer.hpp"

#include <algorithm>
#include <set>
#include <span>
#include <vector>

#include "core/config/shape.hpp"
#include "core/config/words.hpp"
#include "core/config/yaml_text.hpp"
#include "core/text/escape.hpp"

namespace berth {
namespace {

constexpr std::string_view kFirstLine =
    "# Written from a configuration as it was read; its comments are not kept.\n";
constexpr std::size_t kIndent = 2;

using Nodes = std::span<const Node>;

std::string indentation(std::size_t level, std::size_t width) { return std::string(level * width, ' '); }

std::string argument_text(const Node& node, Punctuation punctuation) {
    std::string out;
    for (const Word& word : node.args) {
        if (!out.empty()) out += ' ';
        out += quote_word(word.text, punctuation, word.quoted);
    }
    return out;
}

void write_nginx(std::string& out, Nodes nodes, std::size_t level) {
    for (const Node& node : nodes) {
        const std::string indent = indentation(level, 2 * kIndent);
        out += indent + quote_word(node.name, Punctuation::special);
        if (!node.args.empty()) out += ' ' + argument_text(node, Punctuation::special);
        if (!node.block) {
            out += ";\n";
        } else if (node.children.empty()) {
            out += " {\n" + indent + "}\n";
        } else {
            out += " {\n";
            write_nginx(out, node.children, level + 1);
            out += indent + "}\n";
        }
    }
}

class YamlWriter {
 public:
    explicit YamlWriter(const Grammar& grammar) : grammar_(grammar) {}

    // Statements as a map whose keys stand at `column`; `after_dash`: the first one is already there.
    void statements(Nodes nodes, Place place, std::size_t column, bool after_dash);
    std::string take() { return std::move(out_); }

 private:
    // Neighbours that share a key: one directive, or several as a list.
    struct Run {
        std::string key;
        Nodes nodes;
    };

    std::vector<Run> runs_of(Nodes nodes, Place place) const;
    std::string key_of(const Node& node, Place place) const;
    bool may_repeat(const Node& node, Place place) const;
    void run(const Run& run, Place place, std::size_t column);
    void block(const Node& node, Place place, std::size_t column, bool after_dash);
    std::string value_of(const Node& node, Place place, bool in_list) const;

    const Grammar& grammar_;
    std::string out_;
};

std::string YamlWriter::key_of(const Node& node, Place place) const {
    if (place.data) return yaml_scalar(node.name);
    std::string text = quote_word(node.name, Punctuation::ordinary);
    if (node.block && !node.args.empty()) text += ' ' + argument_text(node, Punctuation::ordinary);
    return yaml_scalar(text);
}

// Whether a list under one key would be read as several directives.
bool YamlWriter::may_repeat(const Node& node, Place place) const {
    if (place.data) return false;
    if (node.block) return true;
    const auto shape = shape_of(grammar_, node.name, place.context, false);
    return shape && shape->repeatable;
}

std::vector<YamlWriter::Run> YamlWriter::runs_of(Nodes nodes, Place place) const {
    std::vector<Run> runs;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        std::string key = key_of(nodes[i], place);
        const bool joins = !runs.empty() && runs.back().key == key && may_repeat(nodes[i], place) &&
                           runs.back().nodes.front().block == nodes[i].block;
        if (joins) {
            runs.back().nodes = nodes.subspan(i - runs.back().nodes.size(), runs.back().nodes.size() + 1);
        } else {
            runs.push_back({std::move(key), nodes.subspan(i, 1)});
        }
    }
    return runs;
}

// A map has each key once. From the run whose key was there before, everything goes into one "_", in order.
void YamlWriter::statements(Nodes nodes, Place place, std::size_t column, bool after_dash) {
    std::set<std::string_view> used;
    const std::vector<Run> runs = runs_of(nodes, place);
    std::size_t next = 0;
    const auto start_line = [&] {
        if (!after_dash) out_.append(column, ' ');
        after_dash = false;
    };
    for (; next < runs.size() && used.insert(runs[next].key).second; ++next) {
        start_line();
        run(runs[next], place, column);
    }
    if (next == runs.size()) return;
    start_line();
    out_ += "_:\n";
    used.clear();
    for (; next < runs.size(); ++next) {
        const bool same_element = !used.empty() && used.insert(runs[next].key).second;
        if (!same_element) used = {runs[next].key};
        out_.append(column + kIndent, ' ');
        out_ += same_element ? "  " : "- ";
        run(runs[next], place, column + 2 * kIndent);
    }
}

void YamlWriter::run(const Run& run, Place place, std::size_t column) {
    out_ += run.key + ':';
    const Node& first = run.nodes.front();
    if (run.nodes.size() == 1) {
        if (first.block) {
            block(first, place, column + kIndent, false);
        } else {
            const std::string value = value_of(first, place, false);
            out_ += value.empty() ? "\n" : ' ' + value + '\n';
        }
        return;
    }
    out_ += '\n';
    for (const Node& node : run.nodes) {
        out_.append(column + kIndent, ' ');
        out_ += "- ";
        if (node.block) {
            block(node, place, column + 2 * kIndent, true);
        } else {
            out_ += value_of(node, place, true) + '\n';
        }
    }
}

void YamlWriter::block(const Node& node, Place place, std::size_t column, bool after_dash) {
    if (node.children.empty()) {
        out_ += after_dash ? "{}\n" : " {}\n";
        return;
    }
    if (!after_dash) out_ += '\n';
    const auto shape = place.data ? std::nullopt : shape_of(grammar_, node.name, place.context, true);
    statements(node.children, shape ? shape->inside : Place{0, false}, column, after_dash);
}

// The value of one directive; empty for null.
std::string YamlWriter::value_of(const Node& node, Place place, bool in_list) const {
    const auto shape = place.data ? std::nullopt : shape_of(grammar_, node.name, place.context, false);
    const bool repeatable = shape && shape->repeatable;
    if (node.args.empty()) {
        const bool may_be_null = !in_list && (place.data || (shape && shape->arity.least == 0));
        if (may_be_null) return {};
        return repeatable && !in_list ? "[[]]" : "[]";
    }
    if (node.args.size() == 1 && node.args.front().text.empty()) return "\"\"";
    const std::string text = argument_text(node, Punctuation::ordinary);
    const bool truth = text == "true" || text == "True" || text == "TRUE" || text == "false" ||
                       text == "False" || text == "FALSE";
    if (shape && shape->kind == Kind::flag && truth) return yaml_quoted(text);
    return yaml_scalar(text);
}

bool is_utf8(std::string_view text) {
    std::string clean;
    replace_invalid_utf8(clean, text);
    return clean == text;
}

}  // namespace

const Origin* unwritable(const Node& root, Syntax syntax) {
    if (syntax != Syntax::yaml) return nullptr;
    if (!is_utf8(root.name)) return &root.at;
    for (const Word& word : root.args) {
        if (!is_utf8(word.text)) return &word.at;
    }
    for (const Node& child : root.children) {
        if (const Origin* at = unwritable(child, syntax)) return at;
    }
    return nullptr;
}

std::string write_config(const Node& root, Syntax syntax, const Grammar& grammar) {
    std::string out(kFirstLine);
    if (syntax == Syntax::nginx) {
        write_nginx(out, root.children, 0);
        return out;
    }
    YamlWriter writer(grammar);
    writer.statements(root.children, Place{}, 0, false);
    return out + writer.take();
}

}  // namespace berth

// What the fuzzers of both configuration syntaxes require of what they read.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string>

#include "core/config/loader.hpp"
#include "core/config/nginx_syntax.hpp"
#include "core/config/writer.hpp"
#include "core/config/yaml_syntax.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"

namespace berth::fuzz {

inline void require(bool condition) {
    if (!condition) std::abort();
}

inline void parse(const Source& source, std::vector<Node>& into, Diagnostics& diagnostics) {
    if (source.syntax == Syntax::yaml) {
        parse_yaml(source, Grammar::instance(), Place{}, into, diagnostics);
    } else {
        parse_nginx(source, Grammar::instance(), Place{}, into, diagnostics);
    }
}

// Whether a configuration could be loaded as far as its shape goes: only such trees are ever written. An
// `include` is resolved before that.
inline bool well_formed(const std::vector<Node>& nodes, Place place) {
    return std::ranges::all_of(nodes, [&](const Node& node) {
        if (node.name == "include") return false;
        if (place.data) return !node.block;
        const Directive* row = Grammar::instance().find(node.name, place.context);
        if (row == nullptr || row->is_block() != node.block) return false;
        if (node.args.size() < row->arity.least || node.args.size() > row->arity.most) return false;
        return !node.block || well_formed(node.children, Grammar::inside(row));
    });
}

inline bool same(const std::vector<Node>& a, const std::vector<Node>& b) {
    const auto same_word = [](const Word& x, const Word& y) { return x.text == y.text; };
    return std::ranges::equal(a, b, [&](const Node& x, const Node& y) {
        return x.name == y.name && x.block == y.block && std::ranges::equal(x.args, y.args, same_word) &&
               same(x.children, y.children);
    });
}

// Every finding and every node stands inside the text it was found in.
inline void check_origin(const Origin& at, const Source& source) {
    if (at.source == nullptr) return;
    require(at.source == &source && at.line >= 1 && at.column >= 1);
    require(at.line <= source.text.size() + 2);  // a CR is a line's end in YAML, and so are some more
}

inline void check_origins(const std::vector<Node>& nodes, const Source& source) {
    for (const Node& node : nodes) {
        check_origin(node.at, source);
        for (const Word& word : node.args) check_origin(word.at, source);
        check_origins(node.children, source);
    }
}

// Reads `text`; what can be loaded comes back the same from both syntaxes; then applies it, as a reload does.
inline int read_as(Syntax syntax, std::string text) {
    static const bool registered = (register_modules(), true);
    require(registered);
    const Source source{"fuzz.conf", std::move(text), syntax};
    ConfigTree tree;
    Diagnostics diagnostics;
    parse(source, tree.root.children, diagnostics);
    tree.root.block = true;
    for (const Diagnostic& finding : diagnostics.all()) check_origin(finding.at, source);
    require(!diagnostics.report("fuzz.conf").empty() || diagnostics.all().empty());
    if (diagnostics.failed()) return 0;
    check_origins(tree.root.children, source);
    if (!well_formed(tree.root.children, Place{})) return 0;
    for (const Syntax other : {Syntax::nginx, Syntax::yaml}) {
        if (unwritable(tree.root, other) != nullptr) continue;
        const Source written{"written", write_config(tree.root, other, Grammar::instance()), other};
        std::vector<Node> again;
        Diagnostics findings;
        parse(written, again, findings);
        require(!findings.failed() && same(tree.root.children, again));
    }
    CycleOptions options;
    options.conf_path = "/nowhere/fuzz.conf";
    options.prefix = "/nowhere/";
    Cycle cycle(options);
    Loader(cycle, Grammar::instance(), diagnostics).load(tree.root);
    require(!diagnostics.report("fuzz.conf").empty() || diagnostics.all().empty());
    return 0;
}

}  // namespace berth::fuzz

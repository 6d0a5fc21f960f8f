// Grammars for tests: a small one whose rows are written out, and one that knows every directive nginx has.
#pragma once

#include <string>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/config/grammar.hpp"
#include "core/config/include.hpp"
#include "core/config/known_directives.hpp"

namespace berth::test {

inline constexpr Context in_http = 1U << 4;
inline constexpr Context in_server = 1U << 5;
inline constexpr Context in_location = 1U << 6;
inline constexpr Context in_upstream = 1U << 7;

inline constexpr std::string_view kMethods[] = {"epoll", "poll"};

constexpr Directive word_row(std::string_view name, Context contexts, Arity arity = {1, 1},
                             bool repeatable = false, Kind kind = Kind::text) {
    Directive row;
    row.name = name;
    row.contexts = contexts;
    row.help = "Says something about the server. More is in the second sentence.";
    row.kind = kind;
    row.arity = arity;
    row.repeatable = repeatable;
    if (kind == Kind::choice) row.choices = kMethods;
    return row;
}

constexpr Directive block_row(std::string_view name, Context contexts, Context opens, Arity arity = {0, 0},
                              bool repeatable = false) {
    Directive row = word_row(name, contexts, arity, repeatable, Kind::block);
    row.opens = opens;
    return row;
}

inline constexpr Directive kSmallRows[] = {
    word_row("include", ~Context{0}, {1, 1}, true),
    word_row("worker_processes", in_main),
    word_row("daemon", in_main, {1, 1}, false, Kind::flag),
    block_row("events", in_main, in_events),
    word_row("use", in_events, {1, 1}, false, Kind::choice),
    block_row("http", in_main, in_http),
    block_row("server", in_http, in_server, {0, 0}, true),
    block_row("location", in_server | in_location, in_location, {1, 2}, true),
    block_row("upstream", in_http, in_upstream, {1, 1}, true),
    word_row("server", in_upstream, {1, kAnyNumber}, true),
    word_row("ip_hash", in_upstream, {0, 0}),
    word_row("keepalive", in_upstream, {1, 1}, false, Kind::number),
    word_row("listen", in_server, {1, kAnyNumber}, true),
    word_row("server_name", in_server, {1, kAnyNumber}, true),
    word_row("root", in_http | in_server | in_location),
    word_row("gzip", in_http | in_server | in_location, {1, 1}, false, Kind::flag),
    word_row("gzip_types", in_http | in_server | in_location, {1, kAnyNumber}),
    word_row("return", in_server | in_location, {1, 2}),
    word_row("try_files", in_server | in_location, {2, kAnyNumber}),
    word_row("log_format", in_http, {2, kAnyNumber}, true),
    word_row("add_header", in_http | in_server | in_location, {2, 3}, true),
    word_row("proxy_set_header", in_http | in_server | in_location, {2, 2}, true),
    word_row("proxy_pass", in_location),
    word_row("allow", in_http | in_server | in_location, {1, 1}, true),
    word_row("deny", in_http | in_server | in_location, {1, 1}, true),
    word_row("client_max_body_size", in_http | in_server | in_location, {1, 1}, false, Kind::size),
    word_row("map", in_http, {2, 2}, true, Kind::data),
    word_row("types", in_http | in_server | in_location, {0, 0}, true, Kind::data),
    word_row("internal", in_location, {0, 0}),
};

inline const Grammar& small_grammar() {
    static const Module module{.name = "small", .directives = kSmallRows};
    static const Module* const modules[] = {&module};
    static const Grammar grammar(modules);
    return grammar;
}

// Its contexts are the bits of KnownBlocks.
inline const Grammar& nginx_grammar() {
    static const std::vector<Directive> rows = [] {
        std::vector<Directive> all;
        for (const KnownDirective& known : known_directives()) {
            Directive row = word_row(known.name, known.contexts, known.arity, known.repeatable, known.kind);
            row.opens = known.opens;
            all.push_back(row);
        }
        return all;
    }();
    static const Module module{.name = "nginx", .directives = rows};
    static const Module* const modules[] = {&module};
    static const Grammar grammar(modules);
    return grammar;
}

// What reading a text came to.
struct Reading {
    ConfigTree tree;
    Diagnostics diagnostics;
    bool ok = false;

    std::string report() const { return diagnostics.report("conf"); }
};

inline Reading read(std::string text, Syntax syntax, const Grammar& grammar = small_grammar()) {
    Reading reading;
    const std::string path = syntax == Syntax::yaml ? "conf.yaml" : "nginx.conf";
    reading.ok = read_config_text(path, std::move(text), syntax, grammar, reading.tree, reading.diagnostics);
    return reading;
}
inline Reading yaml(std::string text) { return read(std::move(text), Syntax::yaml); }
inline Reading nginx(std::string text) { return read(std::move(text), Syntax::nginx); }

// A tree as unambiguous text: every name and argument in brackets, children between braces.
inline std::string dump(const Node& node) {
    std::string out;
    for (const Node& child : node.children) {
        out += '[' + child.name + ']';
        for (const Word& word : child.args) out += '(' + word.text + ')';
        out += child.block ? "{" + dump(child) + "}" : ";";
    }
    return out;
}
inline std::string dump(const Reading& reading) {
    return reading.ok ? dump(reading.tree.root) : reading.report();
}

}  // namespace berth::test

// The rewrite module: return, rewrite, set, if and break, which change where a request goes before anything
// serves it.
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/text/number.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/rewrite/program.hpp"

namespace berth {

namespace {

using namespace http;

// The directives that stand directly in server{}, and in its `if` blocks.
struct ServerRewrites {
    Program program;
};

struct LocationRewrites {
    Setting<bool> rewrite_log{false};
    Setting<bool> uninitialized_variable_warn{true};
    Program program;
    // Whose program it is: a location without one must not run that of the location around it.
    const ConfSet* owner = nullptr;
};

// --- reading

// The program of the server, location or limit_except around the directive; `if` blocks add to that of the
// block they stand in.
Program& current_program(Loader& loader) {
    for (Block* block = &loader.block();; block = block->outer) {
        if (block->context == in_server) {
            return block->at(Level::server)->own<ServerRewrites>(loader.arena()).program;
        }
        if (block->context != in_location && block->context != in_limit_except) continue;
        auto& rewrites = block->at(Level::location)->own<LocationRewrites>(loader.arena());
        rewrites.owner = block->at(Level::location);
        return rewrites.program;
    }
}

bool is_url(std::string_view text) {
    return text.starts_with("http://") || text.starts_with("https://") || text.starts_with("$scheme");
}

void take_return(Loader& loader, const Node& node) {
    ReturnStep step;
    const Word& first = node.args[0];
    const auto status = parse_unsigned(first.text, 999);
    if (status && *status < 200) {  // 1xx announce an answer, and are none (RFC 9110 15.2)
        return loader.error(first.at, "invalid return code \"" + first.text + "\"",
                            "the status of an answer is 200 to 999; 444 closes the connection without one");
    }
    if (!status && (node.args.size() == 2 || !is_url(first.text))) {
        return loader.error(
            first.at, "invalid return code \"" + first.text + "\"",
            "write a status (200 to 999), or only a URL that begins with http://, https:// or $scheme");
    }
    step.status = status ? static_cast<int>(*status) : 302;
    if (!status || node.args.size() == 2) {
        step.text = loader.compile(node.args.back());
        step.has_text = true;
    }
    current_program(loader).add(std::move(step));
}

// The replacement: path, arguments behind the first ?, and whether the request's own are kept (no ? at the
// end).
void read_replacement(Loader& loader, Word word, RewriteStep& step) {
    if (word.text.ends_with('?')) {
        word.text.pop_back();
        step.keeps_args = false;
    }
    const std::size_t mark = word.text.find('?');
    if (mark != word.text.npos) {
        Word args = word;
        args.text.erase(0, mark + 1);
        step.args = loader.compile(args);
        step.has_args = true;
        word.text.resize(mark);
    }
    step.path = loader.compile(word);
}

bool read_flag(Loader& loader, const Word& word, RewriteStep& step) {
    if (word.text == "last") {
        step.after = RewriteStep::After::look_up;
    } else if (word.text == "break") {
        step.after = RewriteStep::After::keep_location;
    } else if (word.text == "redirect") {
        step.redirect_status = 302;
    } else if (word.text == "permanent") {
        step.redirect_status = 301;
    } else {
        loader.error(word.at, "invalid flag \"" + word.text + "\"",
                     "it is one of: last, break, redirect, permanent");
        return false;
    }
    return true;
}

void take_rewrite(Loader& loader, const Node& node) {
    RewriteStep step;
    step.pattern = Pattern::compile(loader, node.args[0].text, node.args[0].at, {});
    if (is_url(node.args[1].text)) step.redirect_status = 302;
    if (node.args.size() == 3 && !read_flag(loader, node.args[2], step)) return;
    read_replacement(loader, node.args[1], step);
    if (step.pattern) current_program(loader).add(std::move(step));
}

// A variable that some `set` defines, before any of them ran.
VariableText not_set_yet(VariableHost& host, std::uintptr_t name) {
    Request& request = as_request(host);
    if (*request.conf<LocationRewrites>().uninitialized_variable_warn) {
        request.log_at(LogLevel::warn, "using uninitialized \"{}\" variable",
                       reinterpret_cast<const char*>(name));
    }
    return {{}, true};
}

void take_set(Loader& loader, const Node& node) {
    const Word& word = node.args[0];
    if (word.text.size() < 2 || word.text[0] != '$') {
        return loader.error(word.at, "invalid variable name \"" + word.text + "\"", "write $" + word.text);
    }
    const std::string_view name = std::string_view(word.text).substr(1);
    Variables& variables = *loader.variables();
    if (!variables.may_define(name)) {
        return loader.error(word.at, "the variable \"" + word.text + "\" cannot be set",
                            "it is computed by the server; choose another name");
    }
    if (!variables.defined(name)) {
        auto kept = loader.arena().array<char>(name.size() + 1);
        *std::ranges::copy(name, kept.begin()).out = '\0';
        variables.define_own(name, not_set_yet, reinterpret_cast<std::uintptr_t>(kept.data()),
                             Caching::never);
    }
    current_program(loader).add(SetStep{variables.index(name, word.at), loader.compile(node.args[1])});
}

void take_break(Loader& loader, const Node&) { current_program(loader).add(BreakStep{}); }

void read_if_block(Loader& loader, const Node& node, TestStep& test) {
    if (loader.block().context == in_location) {
        test.location = &read_inner_location(loader, node, in_location_if, Location::Kind::condition);
        return;
    }
    Block block;
    block.context = in_server_if;
    loader.read_block(node, block);
}

void open_if(Loader& loader, const Node& node) {
    auto condition = Condition::parse(loader, node);
    Program& program = current_program(loader);
    const std::size_t at = program.size();
    TestStep test;
    if (condition) test.condition = *std::move(condition);
    program.add(TestStep{});
    read_if_block(loader, node, test);
    test.otherwise = program.size();
    program[at] = std::move(test);
}

// --- serving

Async<Verdict> run_server(Request& request, const ServerRewrites& rewrites) {
    if (rewrites.program.empty()) return Verdict::next();
    return rewrites.program.run(request, {*request.conf<LocationRewrites>().rewrite_log});
}

Async<Verdict> run_location(Request& request, const LocationRewrites& rewrites) {
    if (rewrites.owner != &request.location().settings) return Verdict::next();
    return rewrites.program.run(request, {*rewrites.rewrite_log});
}

// --- the tables

constexpr Context in_rewrite = in_server | in_location | in_server_if | in_location_if;

// A directive that adds a step: it has no struct of its own.
template <auto Take>
constexpr Directive step(std::string_view name, Arity arity, std::string_view usage, std::string_view help,
                         Context where = in_rewrite) {
    return rows::repeatable(rows::statement<Take>(name, where, arity, usage, help, Kind::value));
}

constexpr Directive if_block(Context where, Context opens) {
    return rows::repeatable(
        rows::block<open_if>("if", where, opens, {1, kAnyNumber}, "(CONDITION)",
                             "Applies what stands inside only where the condition holds: a variable, a "
                             "comparison ($x = text, !=, ~, ~*, "
                             "!~, !~*), or a test of a file (-f, -d, -e, -x, negated with !)."));
}

constexpr Directive directives[] = {
    step<take_return>(
        "return", {1, 2}, "STATUS [TEXT] | STATUS URL | URL",
        "Ends the request with this status, and a text or, for 301, 302, 303, 307 and 308, a URL to go "
        "to. 444 closes the connection without an answer.",
        in_rewrite | in_limit_except),
    step<take_rewrite>(
        "rewrite", {2, 3}, "REGEX REPLACEMENT [last | break | redirect | permanent]",
        "Replaces the URI where the regular expression matches it, or redirects. Arguments are "
        "appended unless the replacement ends with a question mark."),
    step<take_set>("set", {2, 2}, "$VARIABLE TEXT", "Gives a variable a value for the rest of the request."),
    step<take_break>("break", {0, 0}, "", "Ends the rewrite directives of this block."),
    if_block(in_server, in_server_if),
    if_block(in_location, in_location_if),
    rows::flag<&LocationRewrites::rewrite_log>("rewrite_log", in_http | in_if,
                                               "Tells the error log, at level notice, what rewrites do."),
    rows::flag<&LocationRewrites::uninitialized_variable_warn>(
        "uninitialized_variable_warn", in_http | in_if,
        "Warns when a variable is used before anything set it."),
};

void build(HttpBuilder& builder) {
    builder.phase<ServerRewrites, run_server>(Phase::server_rewrite);
    builder.phase<LocationRewrites, run_location>(Phase::rewrite);
}

}  // namespace

extern const Module http_rewrite;
extern const Module http_rewrite = {
    .name = "http_rewrite",
    .directives = directives,
    .server = conf_of<ServerRewrites>(),
    .location = conf_of<LocationRewrites>(),
    .http = build,
};

}  // namespace berth

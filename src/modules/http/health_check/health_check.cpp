// Reading health_check and match.
#include "modules/http/health_check/health_check.hpp"

#include <algorithm>

#include "core/cycle.hpp"
#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/upstreams.hpp"
#include "modules/upstream/reading.hpp"

namespace berth::http {

namespace {

using upstream::Option;
using namespace std::chrono_literals;

constexpr std::uint64_t kMostInRow = 1000;
constexpr std::uint64_t kLargestPort = 65535;
constexpr std::string_view kDirective = "health_check";
constexpr std::string_view kProxyPass = "proxy_pass";

void read_count(Loader& loader, const Option& option, std::uint32_t& into) {
    const auto count = parse_unsigned(option.value, kMostInRow);
    if (!count || *count == 0) return invalid_option(loader, option, kDirective, "a number from 1 to 1000");
    into = static_cast<std::uint32_t>(*count);
}

void read_type(Loader& loader, const Option& option, HealthCheck& check) {
    if (option.value == "http" || option.value == "tcp") {
        check.type = option.value == "tcp" ? HealthCheck::Type::tcp : HealthCheck::Type::http;
        return;
    }
    invalid_option(loader, option, kDirective, "type=http or type=tcp");
}

void read_interval(Loader& loader, const Option& option, HealthCheck& check) {
    if (!read_time(loader, option, kDirective, check.interval) || check.interval > 0ms) return;
    invalid_option(loader, option, kDirective, "a time longer than nothing");
}

void read_port(Loader& loader, const Option& option, HealthCheck& check) {
    const auto port = parse_unsigned(option.value, kLargestPort);
    if (!port || *port == 0) return invalid_option(loader, option, kDirective, "a port from 1 to 65535");
    check.port = static_cast<std::uint16_t>(*port);
}

void read_uri(Loader& loader, const Option& option, HealthCheck& check) {
    const bool clean = std::ranges::all_of(option.value, [](char c) { return c > ' ' && c != 127; });
    if (!option.value.starts_with('/') || !clean) {
        return invalid_option(loader, option, kDirective, "a path like /health, without blanks");
    }
    check.uri = option.value;
}

void read_option(Loader& loader, const Option& option, HealthCheck& check) {
    const std::string_view name = option.name;
    if (name == "mandatory" && !option.has_value) {
        check.rules.mandatory = true;
    } else if (name == "persistent" && !option.has_value) {
        check.rules.persistent = true;
    } else if (name == "interval") {
        read_interval(loader, option, check);
    } else if (name == "jitter") {
        read_time(loader, option, kDirective, check.jitter);
    } else if (name == "keepalive_time") {
        read_time(loader, option, kDirective, check.keepalive_time);
    } else if (name == "fails") {
        read_count(loader, option, check.rules.fails);
    } else if (name == "passes") {
        read_count(loader, option, check.rules.passes);
    } else if (name == "type") {
        read_type(loader, option, check);
    } else if (name == "port") {
        read_port(loader, option, check);
    } else if (name == "uri") {
        read_uri(loader, option, check);
    } else if (name == "match") {
        check.match_name = option.value;
        check.match_at = option.word->at;
    } else {
        unknown_option(loader, option, kDirective,
                       {"interval", "jitter", "fails", "passes", "uri", "port", "match", "type", "mandatory",
                        "persistent", "keepalive_time"});
    }
}

// --- in a location: what stands around it

// What may lead to an upstream, and what may stand before its name.
struct Pass {
    std::string_view directive;
    std::string_view scheme;
};
constexpr Pass kPasses[] = {
    {kProxyPass, "http://"},  {"fastcgi_pass", "fastcgi://"},     {"uwsgi_pass", "uwsgi://"},
    {"scgi_pass", "scgi://"}, {"memcached_pass", "memcached://"},
};

const Pass* pass_of(const Node& node) {
    const auto found =
        std::ranges::find_if(kPasses, [&](const Pass& pass) { return node.name == pass.directive; });
    return found == std::end(kPasses) || node.args.empty() ? nullptr : &*found;
}

// The name of the upstream, if it is one.
std::string target_of(const Pass& pass, std::string_view text) {
    if (ascii::starts_with_ci(text, pass.scheme)) text.remove_prefix(pass.scheme.size());
    return std::string(pass.directive == kProxyPass ? text.substr(0, text.find('/')) : text);
}

void read_pass(Loader& loader, const Node& node, HealthCheck& check) {
    const auto& children = loader.block().node->children;
    const auto found =
        std::ranges::find_if(children, [](const Node& each) { return pass_of(each) != nullptr; });
    if (found == children.end()) {
        return loader.error(node.at, "\"health_check\" in a location without a \"proxy_pass\"",
                            "write it beside the proxy_pass (fastcgi_pass, uwsgi_pass, scgi_pass, "
                            "memcached_pass) to an upstream, or in upstream{}");
    }
    check.passed_by = found->name;
    check.passed_to = target_of(*pass_of(*found), found->args[0].text);
    check.passed_at = found->args[0].at;
    if (check.passed_to.find('$') == std::string::npos) return;
    loader.error(node.at, "\"health_check\" beside a \"" + check.passed_by + "\" with variables",
                 "it cannot know the upstream: write it in upstream{}");
}

// The check's own business.
bool is_framing(std::string_view name) {
    constexpr std::string_view kOwn[] = {"connection", "content-length", "transfer-encoding", "upgrade", "te",
                                         "trailer",    "expect"};
    return std::ranges::any_of(kOwn, [&](std::string_view own) { return ascii::iequals(own, name); });
}

// A block's own proxy_set_header hide those around it. What is computed of a request has no meaning here.
void read_fields(const Block* block, HealthCheck& check) {
    for (; block != nullptr && block->node != nullptr; block = block->outer) {
        bool any = false;
        for (const Node& each : block->node->children) {
            if (each.name != "proxy_set_header" || each.args.size() != 2) continue;
            any = true;
            const std::string& name = each.args[0].text;
            const std::string& value = each.args[1].text;
            const bool plain = std::ranges::none_of(value, [](char c) { return c == '$' || c < ' '; });
            if (value.empty() || !plain || is_framing(name)) continue;
            if (ascii::iequals(name, "host")) {
                check.host = value;
            } else if (ascii::iequals(name, "user-agent")) {
                check.agent = value;
            } else {
                check.fields.append(name).append(": ").append(value).append("\r\n");
            }
        }
        if (any) return;
    }
}

}  // namespace

void take_health_check(Loader& loader, const Node& node) {
    auto check = std::make_unique<HealthCheck>();
    check->at = node.at;
    if (loader.block().context == in_upstream) {
        check->upstream = &upstream::current_upstream(loader);
    } else {
        read_pass(loader, node, *check);
        read_fields(&loader.block(), *check);
    }
    check->rules.on = true;
    for (const Word& word : node.args) read_option(loader, upstream::split_option(word), *check);
    const bool speaks_http = check->passed_by.empty() || check->passed_by == kProxyPass;
    if (check->type == HealthCheck::Type::http && !speaks_http) {
        loader.error(node.at, "\"health_check\" beside \"" + check->passed_by + "\" needs \"type=tcp\"",
                     "a check of type=http, which is the default, asks in HTTP, and servers behind " +
                         check->passed_by + " do not speak it");
    }
    const bool asks = !check->match_name.empty() || check->uri != "/" || check->keepalive_time > 0ms;
    if (check->type == HealthCheck::Type::tcp && asks) {
        loader.error(node.at, "\"uri\", \"match\" and \"keepalive_time\" have no meaning with \"type=tcp\"",
                     "a TCP check passes when the server accepts a connection");
    }
    loader.cycle().own<HealthConf>().checks.push_back(std::move(check));
}

void take_match(Loader& loader, const Node& node) {
    auto& matches = loader.cycle().own<HealthConf>().matches;
    const std::string& name = node.args[0].text;
    if (std::ranges::any_of(matches, [&](const auto& each) { return each->name() == name; })) {
        return loader.error(node.args[0].at, "duplicate match \"" + name + "\"");
    }
    matches.push_back(std::make_unique<AnswerMatch>(AnswerMatch::read(loader, node)));
}

void HealthConf::finish(Loader& loader) {
    for (const auto& check : checks) {
        find_match(loader, *check);
        find_upstream(loader, *check);
        for (const auto& other : checks) {
            if (other == check) break;
            if (check->upstream == nullptr || other->upstream != check->upstream) continue;
            loader.error(check->at, "upstream \"" + check->upstream->name() + "\" is checked already",
                         "its other health_check is in line " + std::to_string(other->at.line));
        }
    }
}

void HealthConf::find_match(Loader& loader, HealthCheck& check) const {
    check.match = &fallback;
    if (check.match_name.empty()) return;
    const auto found =
        std::ranges::find_if(matches, [&](const auto& each) { return each->name() == check.match_name; });
    if (found != matches.end()) {
        check.match = found->get();
        return;
    }
    loader.error(check.match_at, "no match{} is called \"" + check.match_name + "\"",
                 "write in http{}: match " + check.match_name + " { status 200; }");
}

// One that is not there is the complaint of what passes to it.
void HealthConf::find_upstream(Loader& loader, HealthCheck& check) const {
    if (check.upstream != nullptr || check.passed_to.empty()) return;
    check.upstream = http_upstreams(loader).find(check.passed_to);
    if (check.upstream != nullptr && !check.upstream->implicit) return;
    loader.error(check.at, "\"" + check.passed_to + "\" is no upstream{}, and only those can be checked",
                 "write: upstream NAME { server " + check.passed_to + "; }");
}

}  // namespace berth::http

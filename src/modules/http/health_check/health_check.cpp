// Reading health_check and match.
#include "modules/http/health_check/health_check.hpp"

#include <algorithm>

#include "core/cycle.hpp"
#include "core/text/number.hpp"
#include "modules/upstream/reading.hpp"

namespace berth::http {

namespace {

using upstream::Option;
using namespace std::chrono_literals;

constexpr std::uint64_t kMostInRow = 1000;
constexpr std::uint64_t kLargestPort = 65535;
constexpr std::string_view kDirective = "health_check";

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
                        "persistent"});
    }
}

}  // namespace

void take_health_check(Loader& loader, const Node& node) {
    auto check = std::make_unique<HealthCheck>();
    check->upstream = &upstream::current_upstream(loader);
    check->at = node.at;
    check->rules.on = true;
    for (const Word& word : node.args) read_option(loader, upstream::split_option(word), *check);
    if (check->type == HealthCheck::Type::tcp && (!check->match_name.empty() || check->uri != "/")) {
        loader.error(node.at, "\"uri\" and \"match\" have no meaning with \"type=tcp\"",
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
        check->match = &fallback;
        if (check->match_name.empty()) continue;
        const auto found = std::ranges::find_if(
            matches, [&](const auto& each) { return each->name() == check->match_name; });
        if (found != matches.end()) {
            check->match = found->get();
            continue;
        }
        loader.error(check->match_at, "no match{} is called \"" + check->match_name + "\"",
                     "write in http{}: match " + check->match_name + " { status 200; }");
    }
}

}  // namespace berth::http

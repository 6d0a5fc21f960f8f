// Routes of requests, cookies that tell clients theirs, and how `sticky` is read.
#include "modules/upstream/sticky.hpp"

#include <fmt/format.h>

#include "core/config/loader.hpp"
#include "core/text/number.hpp"
#include "core/time/http_date.hpp"
#include "modules/upstream/reading.hpp"
#include "modules/upstream/upstream_rows.hpp"

namespace berth::upstream {

namespace {

std::string_view first_text(const std::vector<Value>& values, VariableHost& host) {
    for (const Value& value : values) {
        if (const std::string_view text = value.eval(host); !text.empty()) return text;
    }
    return {};
}

}  // namespace

std::string_view Sticky::route_of_request(VariableHost& host, std::uint64_t now) const {
    const std::string_view found = first_text(lookup, host);
    if (by != By::learn || found.empty()) return found;
    return sessions->find(found, host.arena(), now, timeout);
}

void Sticky::learn(VariableHost& host, std::string_view route, std::uint64_t now) const {
    if (by != By::learn) return;
    const std::string_view session = first_text(create, host);
    if (!session.empty()) sessions->store(session, route, now, timeout);
}

std::string_view Sticky::cookie(std::string_view route, Arena& arena, const WallClock& clock) const {
    std::string text = cookie_name + "=" + std::string(route);
    if (expires_max) {
        text += "; expires=Thu, 31 Dec 2037 23:55:55 GMT; max-age=315360000";
    } else if (expires) {
        std::array<char, kHttpDateSize> date;
        format_http_date(date.data(), clock.seconds() + lifetime.count());
        text += fmt::format("; expires={}; max-age={}", std::string_view(date.data(), date.size()),
                            lifetime.count());
    }
    return arena.copy(text + attributes);
}

// --- reading

namespace {

// Characters that a cookie's name or an attribute's value must not have (RFC 6265, 4.1.1).
bool fits_cookie(std::string_view text) noexcept {
    return !text.empty() && text.find_first_of("=;, \t\"\\") == text.npos;
}

void read_expires(Loader& loader, const Option& option, Sticky& sticky) {
    sticky.expires_max = option.value == "max";
    if (sticky.expires_max) return;
    Milliseconds time{0};
    if (!read_time(loader, option, "sticky", time)) return;
    sticky.expires = true;
    sticky.lifetime = std::chrono::duration_cast<std::chrono::seconds>(time);
}

void read_cookie_option(Loader& loader, const Option& option, Sticky& sticky) {
    const std::string value(option.value);
    if (option.name == "expires" && option.has_value) return read_expires(loader, option, sticky);
    if ((option.name == "httponly" || option.name == "secure") && !option.has_value) {
        sticky.attributes += "; " + std::string(option.name);
        return;
    }
    if (option.name == "samesite") {
        if (value != "strict" && value != "lax" && value != "none") {
            return invalid_option(loader, option, "sticky", "strict, lax or none");
        }
        sticky.attributes += "; samesite=" + value;
        return;
    }
    if ((option.name == "domain" || option.name == "path") && option.has_value) {
        if (!fits_cookie(value)) return invalid_option(loader, option, "sticky", "a text without \";\"");
        sticky.attributes += "; " + std::string(option.name) + "=" + value;
        return;
    }
    unknown_option(loader, option, "sticky", {"expires", "domain", "path", "httponly", "secure", "samesite"});
}

void read_cookie(Loader& loader, const Node& node, Sticky& sticky) {
    sticky.by = Sticky::By::cookie;
    sticky.cookie_name = node.args[1].text;
    if (!fits_cookie(sticky.cookie_name)) {
        return loader.error(node.args[1].at, "\"" + sticky.cookie_name + "\" cannot name a cookie",
                            "letters, digits, \"-\" and \"_\" are safe");
    }
    Word variable = node.args[1];
    variable.text = "$cookie_" + sticky.cookie_name;
    sticky.lookup.push_back(loader.compile(variable));
    for (std::size_t i = 2; i < node.args.size(); ++i) {
        read_cookie_option(loader, split_option(node.args[i]), sticky);
    }
}

void read_route(Loader& loader, const Node& node, Sticky& sticky) {
    sticky.by = Sticky::By::route;
    for (std::size_t i = 1; i < node.args.size(); ++i) {
        sticky.lookup.push_back(loader.compile(node.args[i]));
    }
}

void read_session_zone(Loader& loader, const Option& option, Sticky& sticky) {
    const std::size_t colon = option.value.find(':');
    const auto size = parse_size(colon == option.value.npos ? "" : option.value.substr(colon + 1));
    if (colon == 0 || !size || *size < Zone::kSmallest) {
        return invalid_option(loader, option, "sticky", "NAME:SIZE with a size of at least 32k");
    }
    sticky.zone_name = option.value.substr(0, colon);
    sticky.zone_size = static_cast<std::size_t>(*size);
}

void read_learn(Loader& loader, const Node& node, Sticky& sticky) {
    sticky.by = Sticky::By::learn;
    for (std::size_t i = 1; i < node.args.size(); ++i) {
        const Option option = split_option(node.args[i]);
        if (option.name == "header" && !option.has_value) continue;  // so it is anyway
        Word value = node.args[i];
        value.text = option.value;
        if (option.name == "create") {
            sticky.create.push_back(loader.compile(value));
        } else if (option.name == "lookup") {
            sticky.lookup.push_back(loader.compile(value));
        } else if (option.name == "zone") {
            read_session_zone(loader, option, sticky);
        } else if (option.name == "timeout") {
            read_time(loader, option, "sticky", sticky.timeout);
        } else {
            unknown_option(loader, option, "sticky", {"create", "lookup", "zone", "timeout", "header"});
        }
    }
    if (loader.failed()) return;
    if (sticky.create.empty() || sticky.lookup.empty() || sticky.zone_name.empty()) {
        loader.error(node.at, "\"sticky learn\" needs create=, lookup= and zone=",
                     "as in: sticky learn create=$upstream_cookie_sid lookup=$cookie_sid zone=sessions:1m;");
    }
}

}  // namespace

void take_sticky(Loader& loader, const Node& node) {
    auto sticky = std::make_unique<Sticky>();
    const std::string& how = node.args[0].text;
    if (how == "cookie") {
        read_cookie(loader, node, *sticky);
    } else if (how == "route") {
        read_route(loader, node, *sticky);
    } else if (how == "learn") {
        read_learn(loader, node, *sticky);
    } else {
        return loader.error(node.args[0].at, "unknown parameter \"" + how + "\" in \"sticky\"",
                            "it is one of: cookie, route, learn");
    }
    current_upstream(loader).sticky = std::move(sticky);
}

}  // namespace berth::upstream

// How proxy_pass and its neighbours are read.
#include "modules/http/proxy/conf.hpp"

#include <algorithm>

#include "core/config/loader.hpp"
#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/protocol/scan.hpp"
#include "modules/http/proxy/proxy.hpp"
#include "modules/http/upstreams.hpp"

namespace berth::http {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::string_view kScheme = "http://";
constexpr std::string_view kSecureScheme = "https://";

}  // namespace

std::optional<ProxyUrl> parse_proxy_url(std::string_view text, std::string_view& why) {
    if (ascii::starts_with_ci(text, kSecureScheme)) {
        why = "https:// to backends is not in this build";
        return std::nullopt;
    }
    if (!ascii::starts_with_ci(text, kScheme)) {
        why = "it must begin with http://";
        return std::nullopt;
    }
    text.remove_prefix(kScheme.size());
    ProxyUrl url;
    if (text.starts_with("unix:")) {
        // The path of the socket ends at a colon: http://unix:/tmp/x.sock:/uri
        const std::size_t end = text.find(':', 5);
        url.host_port = text.substr(0, end);
        if (end != text.npos) url.uri = text.substr(end + 1);
        if (url.host_port.size() == 5) return why = "the path of the unix socket is missing", std::nullopt;
        return url;
    }
    const std::size_t end = text.find_first_of("/?#");
    url.host_port = text.substr(0, end);
    if (end != text.npos) url.uri = text.substr(end);
    if (url.host_port.empty()) return why = "the host is missing", std::nullopt;
    return url;
}

std::string_view proxy_port(std::string_view host_port) noexcept {
    if (host_port.starts_with("unix:")) return {};
    const std::size_t colon = host_port.rfind(':');
    const std::size_t bracket = host_port.rfind(']');
    if (colon == host_port.npos || (bracket != host_port.npos && bracket > colon)) return "80";
    return host_port.substr(colon + 1);
}

void take_proxy_pass(Loader& loader, const Node& node, ProxyConf& conf) {
    Location* location = current_location(loader);
    ProxyPass& pass = conf.pass;
    pass.written = true;
    pass.word = node.args[0];
    pass.location = location;
    pass.url = loader.compile(node.args[0]);
    const bool prefix = location->kind == Location::Kind::prefix ||
                        location->kind == Location::Kind::prefix_final ||
                        location->kind == Location::Kind::exact;
    if (pass.url.is_constant()) {
        pass.text = node.args[0].text;
        std::string_view why;
        const std::optional<ProxyUrl> parts = parse_proxy_url(pass.text, why);
        if (!parts) {
            loader.error(node.args[0].at, "invalid URL \"" + pass.text + "\" in \"proxy_pass\"",
                         std::string(why));
            return;
        }
        pass.parts = *parts;
        const bool in_block = loader.block().context != in_location;
        if (!parts->uri.empty() && (!prefix || in_block)) {
            loader.error(node.args[0].at,
                         "\"proxy_pass\" cannot have a URI in a location given by a regular expression, in a "
                         "named location, inside \"if\" or inside \"limit_except\"",
                         "write it without \"" + std::string(parts->uri) + "\", or use rewrite");
        }
    }
    location->answer_with({handle_proxy, &conf, prefix && location->name.ends_with('/')});
}

void take_set_header(Loader& loader, const Node& node, Setting<std::vector<SetHeader>>& setting) {
    SetHeader header;
    header.name = node.args[0].text;
    header.id = known_header(header.name);
    header.value = loader.compile(node.args[1]);
    if (!is_token(header.name)) {
        loader.error(node.args[0].at, "invalid header name \"" + header.name + "\"");
        return;
    }
    setting.edit().push_back(std::move(header));
}

namespace {

// "~regex" and "~*regex", or nothing when it is none. The case of names of hosts never matters.
enum class Case : std::uint8_t { as_written, ignored };
bool read_regex(Loader& loader, const Word& word, std::unique_ptr<Pattern>& regex,
                Case letters = Case::as_written) {
    std::string_view text = word.text;
    if (!text.starts_with('~')) return false;
    const bool star = text.starts_with("~*");
    text.remove_prefix(star ? 2 : 1);
    regex = Pattern::compile(loader, text, word.at, {.ignore_case = star || letters == Case::ignored});
    return true;
}

std::shared_ptr<const Replacement> read_replacement(Loader& loader, const Node& node,
                                                    Case letters = Case::as_written) {
    auto rule = std::make_shared<Replacement>();
    if (!read_regex(loader, node.args[0], rule->regex, letters)) rule->from = loader.compile(node.args[0]);
    rule->to = loader.compile(node.args[1]);
    return rule;
}

}  // namespace

// proxy_redirect default | off | FROM TO
void take_redirect(Loader& loader, const Node& node, ProxyConf& conf) {
    const std::string& first = node.args[0].text;
    if (node.args.size() == 1) {
        if (first == "off") return conf.redirect_off.set(true);
        if (first != "default") {
            loader.error(node.args[0].at, "invalid value \"" + first + "\" in \"proxy_redirect\"",
                         "default, off, or two arguments: what to look for and what to write instead");
            return;
        }
        if (!conf.pass.written || !conf.pass.url.is_constant()) {
            loader.error(node.at,
                         "\"proxy_redirect default\" needs a \"proxy_pass\" without variables "
                         "before it in the same block");
            return;
        }
        auto rule = std::make_shared<Replacement>();
        rule->is_default = true;
        conf.redirect.edit().push_back(std::move(rule));
        conf.redirect_off.set(false);
        return;
    }
    conf.redirect.edit().push_back(read_replacement(loader, node));
    conf.redirect_off.set(false);
}

void take_cookie_replacement(Loader& loader, const Node& node, Setting<Replacements>& setting) {
    if (node.args.size() == 1) {
        if (node.args[0].text != "off") {
            loader.error(node.args[0].at,
                         "invalid value \"" + node.args[0].text + "\" in \"" + node.name + "\"",
                         "off, or two arguments: what to look for and what to write instead");
        }
        return setting.set({});
    }
    const Case letters = node.name == "proxy_cookie_domain" ? Case::ignored : Case::as_written;
    setting.edit().push_back(read_replacement(loader, node, letters));
}

bool is_cookie_flag(std::string_view text) noexcept {
    constexpr std::string_view kFlags[] = {"secure",        "httponly", "samesite=strict", "samesite=lax",
                                           "samesite=none", "nosecure", "nohttponly",      "nosamesite"};
    return std::ranges::any_of(kFlags, [&](std::string_view flag) { return ascii::iequals(flag, text); });
}

void take_cookie_flags(Loader& loader, const Node& node, Setting<std::vector<CookieFlags>>& setting) {
    if (node.args.size() == 1 && node.args[0].text == "off") return setting.set({});
    CookieFlags rule;
    std::unique_ptr<Pattern> regex;
    if (!read_regex(loader, node.args[0], regex)) rule.name = loader.compile(node.args[0]);
    rule.regex = std::move(regex);
    for (std::size_t i = 1; i < node.args.size(); ++i) {
        Value flag = loader.compile(node.args[i]);
        if (flag.is_constant() && !is_cookie_flag(flag.constant())) {
            loader.error(node.args[i].at,
                         "invalid flag \"" + node.args[i].text + "\" in \"proxy_cookie_flags\"",
                         "secure, httponly, samesite=strict|lax|none, nosecure, nohttponly and nosamesite "
                         "are allowed");
        }
        rule.flags.push_back(std::move(flag));
    }
    setting.edit().push_back(std::move(rule));
}

// Either of the two is the block's own word on redirects.
void ProxyConf::merge(const ProxyConf& outer) {
    if (redirect.is_set() || redirect_off.is_set()) return;
    redirect.inherit(outer.redirect);
    redirect_off.inherit(outer.redirect_off);
}

void ProxyConf::finish(Loader& loader) {
    finish_upstream(loader, "proxy");
    for (const SetHeader& header : *set_headers) {
        if (header.id != KnownHeader::unknown) replaced.set(static_cast<std::size_t>(header.id));
    }
    const auto sets = [&](KnownHeader id) { return replaced[static_cast<std::size_t>(id)]; };
    sets_host = sets(KnownHeader::host);
    sets_connection = sets(KnownHeader::connection);
    sets_upgrade = sets(KnownHeader::upgrade);
    if (!pass.written || !pass.url.is_constant() || pass.parts.host_port.empty()) return;
    pass.upstream = http_upstreams(loader).use(loader, pass.word.at, pass.parts.host_port, kHttpPort);
}

bool ProxyConf::replaces(KnownHeader id, std::string_view name) const noexcept {
    if (id != KnownHeader::unknown) return replaced[static_cast<std::size_t>(id)];
    return std::ranges::any_of(*set_headers, [&](const SetHeader& header) {
        return header.id == id && ascii::iequals(header.name, name);
    });
}

}  // namespace berth::http

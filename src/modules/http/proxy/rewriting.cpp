// What proxy_redirect, proxy_cookie_domain, proxy_cookie_path and proxy_cookie_flags make of answers.
#include <algorithm>

#include "core/text/ascii.hpp"
#include "modules/http/proxy/proxy_request.hpp"
#include "modules/http/redirect.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

namespace {

// `value` with what the rule looks for at its beginning replaced; where a regular expression matches,
// wherever that is, all of it is. Nothing when the rule does not apply.
std::optional<std::string> apply(Request& request, const Replacement& rule, std::string_view value) {
    if (rule.regex) {
        if (!rule.regex->match(request, request.arena().copy(value))) return std::nullopt;
        return std::string(rule.to.eval(request));
    }
    const std::string_view from = rule.from.eval(request);
    if (!value.starts_with(from)) return std::nullopt;
    std::string out(rule.to.eval(request));
    return out.append(value.substr(from.size()));
}

// proxy_redirect default: the URL of proxy_pass becomes the location's name.
std::optional<std::string> apply_default(const ProxyPass& pass, std::string_view value) {
    if (!pass.url.is_constant() || pass.location == nullptr) return std::nullopt;
    std::string from = pass.text;
    std::string to = pass.location->name;
    if (pass.parts.uri.empty()) {
        from += '/';
        to = "/";
    }
    if (!value.starts_with(from)) return std::nullopt;
    return to.append(value.substr(from.size()));
}

std::optional<std::string> redirected(Request& request, const ProxyConf& conf, const ProxyPass& pass,
                                      std::string_view value) {
    if (*conf.redirect_off) return std::nullopt;
    if (conf.redirect->empty()) return apply_default(pass, value);
    for (const auto& rule : *conf.redirect) {
        auto out = rule->is_default ? apply_default(pass, value) : apply(request, *rule, value);
        if (out) return out;
    }
    return std::nullopt;
}

// One ";"-separated part of a Set-Cookie field.
struct CookiePart {
    std::string_view name;
    std::string value;
    bool has_value = false;
};

std::vector<CookiePart> split_cookie(std::string_view text) {
    std::vector<CookiePart> parts;
    while (true) {
        const std::size_t end = text.find(';');
        const std::string_view part = ascii::trim(text.substr(0, end));
        const std::size_t equals = part.find('=');
        CookiePart split;
        split.name = part.substr(0, equals);
        split.has_value = equals != part.npos;
        if (split.has_value) split.value = part.substr(equals + 1);
        parts.push_back(std::move(split));
        if (end == text.npos) return parts;
        text.remove_prefix(end + 1);
    }
}

bool replace_attribute(Request& request, const Replacements& rules, CookiePart& part, bool domain) {
    // A dot before a domain means nothing (RFC 6265 5.2.3).
    std::string_view value = part.value;
    if (domain && value.starts_with('.')) value.remove_prefix(1);
    for (const auto& rule : rules) {
        if (domain && !rule->regex) {
            std::string_view from = rule->from.eval(request);
            if (from.starts_with('.')) from.remove_prefix(1);
            if (!ascii::iequals(value, from)) continue;
            part.value = rule->to.eval(request);
            return true;
        }
        if (auto out = apply(request, *rule, value)) {
            part.value = std::move(*out);
            return true;
        }
    }
    return false;
}

bool applies(Request& request, const CookieFlags& rule, std::string_view name) {
    return rule.regex ? rule.regex->match(request, request.arena().copy(name))
                      : rule.name.eval(request) == name;
}

void set_attribute(std::vector<CookiePart>& parts, std::string_view name, std::string_view value, bool on) {
    const auto is_it = [&](const CookiePart& part) {
        return &part != &parts.front() && ascii::iequals(part.name, name);
    };
    std::erase_if(parts, is_it);
    if (!on) return;
    CookiePart part;
    part.name = name;
    part.value = value;
    part.has_value = !value.empty();
    parts.push_back(std::move(part));
}

// Of variables: an empty text is none.
void set_flag(Request& request, std::vector<CookiePart>& parts, const Value& value) {
    const std::string flag = ascii::lowercase(value.eval(request));
    if (flag.empty()) return;
    if (!is_cookie_flag(flag)) {
        request.log_at(LogLevel::error, "invalid flag \"{}\" of \"{}\" in \"proxy_cookie_flags\"", flag,
                       value.source());
        return;
    }
    if (flag == "secure") return set_attribute(parts, "Secure", {}, true);
    if (flag == "nosecure") return set_attribute(parts, "Secure", {}, false);
    if (flag == "httponly") return set_attribute(parts, "HttpOnly", {}, true);
    if (flag == "nohttponly") return set_attribute(parts, "HttpOnly", {}, false);
    if (flag == "nosamesite") return set_attribute(parts, "SameSite", {}, false);
    const std::string_view policy = std::string_view(flag).substr(flag.find('=') + 1);
    set_attribute(parts, "SameSite", policy == "strict" ? "Strict" : policy == "lax" ? "Lax" : "None", true);
}

}  // namespace

std::string_view rewrite_location(Request& request, const ProxyConf& conf, const ProxyPass& pass,
                                  std::string_view value) {
    const auto out = redirected(request, conf, pass, value);
    return out ? absolute_location(request, request.arena().copy(*out)) : value;
}

// "5; url=http://backend/x".
std::string_view rewrite_refresh(Request& request, const ProxyConf& conf, const ProxyPass& pass,
                                 std::string_view value) {
    const std::string lower = ascii::lowercase(value);
    const std::size_t at = lower.find("url=");
    if (at == std::string::npos) return value;
    const auto out = redirected(request, conf, pass, value.substr(at + 4));
    return out ? request.arena().copy(std::string(value.substr(0, at + 4)) + *out) : value;
}

std::string_view rewrite_cookie(Request& request, const ProxyConf& conf, std::string_view value) {
    if (conf.cookie_domain->empty() && conf.cookie_path->empty() && conf.cookie_flags->empty()) return value;
    std::vector<CookiePart> parts = split_cookie(value);
    bool changed = false;
    for (std::size_t i = 1; i < parts.size(); ++i) {
        if (ascii::iequals(parts[i].name, "domain"))
            changed |= replace_attribute(request, *conf.cookie_domain, parts[i], true);
        if (ascii::iequals(parts[i].name, "path"))
            changed |= replace_attribute(request, *conf.cookie_path, parts[i], false);
    }
    const std::string cookie(parts.front().name);
    for (const CookieFlags& rule : *conf.cookie_flags) {
        if (!applies(request, rule, cookie)) continue;
        for (const Value& flag : rule.flags) set_flag(request, parts, flag);
        changed = true;
        break;
    }
    if (!changed) return value;
    std::string out;
    for (const CookiePart& part : parts) {
        if (!out.empty()) out += "; ";
        out += part.name;
        if (part.has_value) out.append("=").append(part.value);
    }
    return request.arena().copy(out);
}

}  // namespace berth::http

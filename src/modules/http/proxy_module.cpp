// The module proxy: proxy_pass and what stands beside it.
#include "core/module.hpp"
#include "event/connection.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/proxy/conf.hpp"
#include "modules/http/proxy/proxy_request.hpp"
#include "modules/http/request.hpp"
#include "modules/http/upstream/rows.hpp"

namespace berth {

namespace {

using namespace http;

VariableText get_host(VariableHost& host, std::uintptr_t) {
    const auto* names = as_request(host).find_state<ProxyNames>();
    return names != nullptr ? VariableText{names->host_port} : VariableText::missing();
}

VariableText get_port(VariableHost& host, std::uintptr_t) {
    const auto* names = as_request(host).find_state<ProxyNames>();
    return names != nullptr ? VariableText{names->port} : VariableText::missing();
}

// What the client says of whom it asks for, and the client itself.
VariableText get_add_x_forwarded_for(VariableHost& host, std::uintptr_t) {
    Request& request = as_request(host);
    std::string text;
    for (const HeaderField& field : request.head().fields) {
        if (field.id != KnownHeader::x_forwarded_for) continue;
        text.append(field.value.in(request.head_bytes())).append(", ");
    }
    text += request.stream().connection().peer().ip_text();
    return {request.arena().copy(text)};
}

void add_variables(HttpBuilder& builder) {
    builder.variables().define("proxy_host", get_host, 0, Caching::never);
    builder.variables().define("proxy_port", get_port, 0, Caching::never);
    builder.variables().define("proxy_add_x_forwarded_for", get_add_x_forwarded_for);
}

constexpr std::string_view kVersions[] = {"1.0", "1.1"};

using namespace rows;
using C = ProxyConf;

constexpr std::array kOwn = {
    action<C, take_proxy_pass>(
        "proxy_pass", in_location | in_location_if | in_limit_except, {1, 1}, "URL",
        "Passes requests to a server: http://HOST[:PORT][/URI], http://unix:PATH[:/URI], or an upstream by "
        "its name. With a URI, the part of the path that the location's name stands for is replaced by it; "
        "without, the path is passed as the client sent it. WebSocket and other upgrades work without "
        "further ado.",
        Kind::value),
    choice<&C::http_version>("proxy_http_version", in_http, kVersions,
                             "The version of HTTP spoken to backends. 1.1 keeps connections to them open."),
    repeatable(custom<&C::set_headers, take_set_header>(
        "proxy_set_header", in_http, {2, 2}, "NAME TEXT",
        "A field of the request as the backend gets it, instead of the client's; left out when the text is "
        "empty, but for Host: HTTP/1.1 requires one, so that it is sent empty there. A block that has one "
        "takes none of the block around it.",
        Kind::value)),
    value<&C::set_body>("proxy_set_body", in_http, "What the backend gets instead of the client's body."),
    value<&C::method>("proxy_method", in_http,
                      "The method the backend is asked with. What was asked with HEAD has no body, whatever "
                      "the client's method is."),
    repeatable(defaults_to(
        "default",
        action<C, take_redirect>("proxy_redirect", in_http, {1, 2}, "default | off | FROM TO",
                                 "What becomes of Location and Refresh in answers: FROM (a beginning, or "
                                 "~regex, ~*regex) is replaced by TO. default: the URL of proxy_pass becomes "
                                 "the location's name.",
                                 Kind::value))),
    repeatable(defaults_to(
        "off",
        custom<&C::cookie_domain, take_cookie_replacement>(
            "proxy_cookie_domain", in_http, {1, 2}, "off | DOMAIN TEXT",
            "Replaces the domain of cookies in answers; ~ begins a regular expression.", Kind::value))),
    repeatable(defaults_to(
        "off",
        custom<&C::cookie_path, take_cookie_replacement>(
            "proxy_cookie_path", in_http, {1, 2}, "off | PATH TEXT",
            "Replaces the beginning of the path of cookies in answers; ~ and ~* begin regular expressions.",
            Kind::value))),
    repeatable(defaults_to("off", custom<&C::cookie_flags, take_cookie_flags>(
                                      "proxy_cookie_flags", in_http, {1, kAnyNumber}, "off | COOKIE FLAG…",
                                      "Sets or removes flags of cookies in answers: secure, httponly, "
                                      "samesite=strict|lax|none, nosecure, nohttponly, nosamesite, or what "
                                      "variables make of them. The first that fits the cookie's name (~ "
                                      "begins a regular expression) counts.",
                                      Kind::value))),
    row_of<C>(flag<&UpstreamSettings::pass_trailers>(
        "proxy_pass_trailers", in_http, "Whether fields behind a chunked body are passed to the client.")),
    size<&C::headers_hash_max_size>("proxy_headers_hash_max_size", in_http,
                                    "Accepted for old configurations; does nothing."),
    size<&C::headers_hash_bucket_size>("proxy_headers_hash_bucket_size", in_http,
                                       "Accepted for old configurations; does nothing."),
};

constexpr auto directives = joined_rows(upstream_rows<ProxyConf, "proxy">(), kOwn);

}  // namespace

extern const Module http_proxy;
extern const Module http_proxy = {
    .name = "http_proxy",
    .directives = directives,
    .location = conf_of<ProxyConf>(),
    .http = add_variables,
};

}  // namespace berth

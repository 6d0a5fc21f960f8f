// ProxyConf: what proxy_pass and the directives beside it say in a location.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config/setting.hpp"
#include "core/value/value.hpp"
#include "modules/http/location.hpp"
#include "modules/http/upstream/settings.hpp"
#include "modules/shared/pattern.hpp"
#include "modules/upstream/upstream.hpp"

namespace berth::http {

// "http://backend:8080/path" taken apart. Views into the text.
struct ProxyUrl {
    std::string_view host_port;  // "backend:8080", "unix:/path"
    std::string_view uri;        // "/path?x"; empty: none was written
};
// Nothing when it is no http:// URL; `why` says what is wrong.
std::optional<ProxyUrl> parse_proxy_url(std::string_view text, std::string_view& why);
// $proxy_port of a host_port: "8080"; "80" when none is written; empty for a unix socket.
std::string_view proxy_port(std::string_view host_port) noexcept;

// proxy_pass of one location.
struct ProxyPass {
    Value url;  // with variables; otherwise the parts below hold
    const upstream::Upstream* upstream = nullptr;
    std::string text;  // what the views below point into
    ProxyUrl parts;
    const Location* location = nullptr;
    Word word;  // where it stands

    bool written = false;
};

enum class ProxyVersion : std::uint8_t { v1_0, v1_1 };

struct SetHeader {
    KnownHeader id = KnownHeader::unknown;
    std::string name;
    Value value;
};

// A text to look for: a prefix or a regular expression, and what stands in for it.
struct Replacement {
    std::unique_ptr<Pattern> regex;
    Value from;  // without a regex
    Value to;
    bool is_default = false;  // proxy_redirect default
};
using Replacements = std::vector<std::shared_ptr<const Replacement>>;

// proxy_cookie_flags COOKIE [secure] [~nosamesite] …
struct CookieFlags {
    std::shared_ptr<const Pattern> regex;
    Value name;  // without a regex
    std::vector<Value> flags;
};
// "secure", "samesite=lax", "nohttponly", in any case.
bool is_cookie_flag(std::string_view text) noexcept;

struct ProxyConf : UpstreamSettings {
    Setting<ProxyVersion> http_version{ProxyVersion::v1_1};
    Setting<std::vector<SetHeader>> set_headers;
    Setting<Value> set_body;
    Setting<Value> method;
    Setting<Replacements> redirect;
    Setting<bool> redirect_off{false};
    Setting<Replacements> cookie_domain;
    Setting<Replacements> cookie_path;
    Setting<std::vector<CookieFlags>> cookie_flags;
    Setting<std::size_t> headers_hash_max_size{512};
    Setting<std::size_t> headers_hash_bucket_size{64};
    ProxyPass pass;

    // Made of the above: which of the client's fields are replaced.
    std::bitset<kKnownHeaderCount> replaced;
    bool sets_host = false;
    bool sets_connection = false;
    bool sets_upgrade = false;
    void merge(const ProxyConf& outer);
    void finish(Loader& loader);
    bool replaces(KnownHeader id, std::string_view name) const noexcept;
};

void take_proxy_pass(Loader& loader, const Node& node, ProxyConf& conf);
void take_set_header(Loader& loader, const Node& node, Setting<std::vector<SetHeader>>& setting);
void take_redirect(Loader& loader, const Node& node, ProxyConf& conf);
void take_cookie_replacement(Loader& loader, const Node& node, Setting<Replacements>& setting);
void take_cookie_flags(Loader& loader, const Node& node, Setting<std::vector<CookieFlags>>& setting);

}  // namespace berth::http

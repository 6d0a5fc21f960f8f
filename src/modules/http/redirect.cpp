// How the Location of a redirect is made.
#include "modules/http/redirect.hpp"

#include <algorithm>

#include "core/text/number.hpp"
#include "event/connection.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/request.hpp"
#include "modules/http/server.hpp"

namespace berth::http {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

bool must_encode(char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; }

// What may not stand in a field becomes %XX: a decoded path can hold anything.
std::string_view encoded(Arena& arena, std::string_view text) {
    const auto bad = std::ranges::count_if(text, must_encode);
    if (bad == 0) return text;
    auto out = arena.array<char>(text.size() + 2 * static_cast<std::size_t>(bad));
    char* to = out.data();
    for (char c : text) {
        if (!must_encode(c)) {
            *to++ = c;
            continue;
        }
        constexpr std::string_view kDigits = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        *to++ = '%';
        *to++ = kDigits[byte >> 4U];
        *to++ = kDigits[byte & 15U];
    }
    return {out.data(), out.size()};
}

// The first name of a server that is a host's: no wildcard, no regular expression.
std::string_view plain_name(const Server& server) {
    for (const ServerName& name : server.names) {
        if (!name.is_regex && !name.text.empty() && name.text.find('*') == std::string::npos &&
            name.text[0] != '.') {
            return name.text;
        }
    }
    return {};
}

std::string local_host(const Address& local) {
    return local.is_ipv6() ? "[" + local.ip_text() + "]" : local.is_unix() ? "localhost" : local.ip_text();
}

std::string_view origin(Request& request, const LocationConf& conf) {
    const Connection& connection = request.stream().connection();
    const bool encrypted = connection.transport().encrypted();
    std::string_view host = request.host();
    if (*conf.server_name_in_redirect || host.empty()) host = plain_name(request.server());
    std::string text(encrypted ? "https://" : "http://");
    text += host.empty() ? local_host(connection.local()) : std::string(host);
    const std::uint16_t port = connection.local().port();
    const bool usual = port == (encrypted ? kHttpsPort : kHttpPort) || port == 0;
    if (*conf.port_in_redirect && !usual) text += ":" + std::to_string(port);
    return request.arena().copy(text);
}

}  // namespace

std::string_view with_args(Request& request, std::string_view path) {
    if (request.args().empty()) return path;
    return join(request.arena(), path, "?", request.args());
}

std::string_view absolute_location(Request& request, std::string_view location) {
    const LocationConf& conf = request.conf<LocationConf>();
    location = encoded(request.arena(), location);
    if (!location.starts_with('/') || !*conf.absolute_redirect) return location;
    return join(request.arena(), origin(request, conf), location);
}

Verdict redirect_to(Request& request, int status, std::string_view location) {
    location = absolute_location(request, location);
    request.out().reset();
    request.out().fields.add(KnownHeader::location, location);
    return Verdict::reply(status);
}

}  // namespace berth::http

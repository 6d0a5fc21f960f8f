// proxy_pass: where a request goes.
#include "modules/http/proxy/proxy.hpp"

#include "modules/http/protocol/status.hpp"
#include "modules/http/proxy/proxy_request.hpp"
#include "modules/http/upstream/target.hpp"

namespace berth::http {

namespace {

constexpr int kInternal = 500;
constexpr std::uint16_t kHttpPort = 80;

// A URL with variables.
int find_proxied(Request& request, const ProxyPass& pass, ProxyUrl& parts, UpstreamTarget& target) {
    std::string_view why;
    const std::string_view url = request.arena().copy(pass.url.eval(request));
    const std::optional<ProxyUrl> parsed = parse_proxy_url(url, why);
    if (!parsed) {
        request.log_at(LogLevel::error, "invalid URL \"{}\" in \"proxy_pass\": {}", url, why);
        return kInternal;
    }
    parts = *parsed;
    return find_target(request, parts.host_port, kHttpPort, target);
}

}  // namespace

Async<Verdict> handle_proxy(Request& request, const void* conf) {
    const ProxyPass& pass = static_cast<const ProxyConf*>(conf)->pass;
    const ProxyConf& settings = request.conf<ProxyConf>();
    UpstreamTarget target;
    ProxyUrl parts = pass.parts;
    if (pass.upstream != nullptr) {
        target.group = pass.upstream;
    } else if (const int status = find_proxied(request, pass, parts, target); status != 0) {
        return Verdict::reply(status);
    }
    Arena& arena = request.arena();
    auto& names = request.state<ProxyNames>();
    names.host_port = parts.host_port;
    names.port = proxy_port(parts.host_port);
    names.uri = proxied_uri(request, pass, parts.uri);
    if (!names.uri.starts_with('/')) names.uri = arena.copy("/" + std::string(names.uri));
    target.scheme = "http://";
    target.uri = names.uri;
    auto& protocol = *arena.create<ProxyRequest>(request, settings, pass, names);
    auto& exchange = *arena.create<UpstreamExchange>(request, settings, protocol, target);
    return exchange.run(request);
}

}  // namespace berth::http

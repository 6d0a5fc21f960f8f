// GatewayConf: what fastcgi_pass, scgi_pass, uwsgi_pass and memcached_pass have in common: where a request
// goes and, but for memcached, the parameters it becomes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/setting.hpp"
#include "core/config/tree.hpp"
#include "core/value/value.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/location.hpp"
#include "modules/http/request.hpp"
#include "modules/http/upstream/exchange.hpp"
#include "modules/http/upstream/settings.hpp"

namespace berth::http {

// X_pass of one location: HOST[:PORT], unix:PATH, the name of an upstream, or a text with variables that
// becomes one of these.
struct GatewayPass {
    Value to;
    Word word;  // where it stands
    const upstream::Upstream* upstream = nullptr;
    bool written = false;
};

// What is fixed for a protocol.
struct GatewayName {
    std::string_view prefix;  // of its directives: "fastcgi"
    std::string_view scheme;  // in logs, and allowed before an address: "fastcgi://"
    std::uint16_t port = 0;   // when none is written
};

// X_param NAME TEXT [if_not_empty].
struct GatewayParam {
    std::string name;
    Value value;
    bool if_not_empty = false;
};

// The first base of a protocol's own; its `finish` calls finish_gateway.
struct GatewayConf : UpstreamSettings {
    Setting<std::vector<GatewayParam>> params;
    GatewayPass pass;

    void finish_gateway(Loader& loader, const GatewayName& name);
    // After it: "Status" is for this server, not for clients.
    void hide_status();
    // Whether a parameter of this name is configured: then no field of the client becomes it.
    bool sets_param(std::string_view name) const noexcept;
};

void take_gateway_param(Loader& loader, const Node& node, Setting<std::vector<GatewayParam>>& setting);
// Returns whether the handler of this location adds slashes (ContentHandler::adds_slash).
bool read_gateway_pass(Loader& loader, const Node& node, const GatewayName& name, GatewayPass& pass);

// Finds out where a request goes. The status to answer with when that is nowhere (logged), else 0.
int find_gateway(Request& request, const GatewayPass& pass, const GatewayName& name, UpstreamTarget& target);

// The content handler of a protocol whose Conf is a GatewayConf with a `kName`, and whose Protocol is made of
// the request and the Conf. `conf` is the one that X_pass was written in.
template <class Conf, class Protocol>
Async<Verdict> handle_gateway(Request& request, const void* conf) {
    UpstreamTarget target;
    const GatewayPass& pass = static_cast<const Conf*>(conf)->pass;
    if (const int status = find_gateway(request, pass, Conf::kName, target); status != 0)
        return Verdict::reply(status);
    const Conf& settings = request.conf<Conf>();
    auto& protocol = *request.arena().create<Protocol>(request, settings);
    auto& exchange = *request.arena().create<UpstreamExchange>(request, settings, protocol, target);
    return exchange.run(request);
}

// The `take` of an X_pass row.
template <class Conf, auto Handler>
void take_gateway_pass(Loader& loader, const Node& node, Conf& conf) {
    const bool adds_slash = read_gateway_pass(loader, node, Conf::kName, conf.pass);
    current_location(loader)->answer_with({Handler, &conf, adds_slash});
}

}  // namespace berth::http

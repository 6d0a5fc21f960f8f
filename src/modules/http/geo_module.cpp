// The module geo of HTTP: variables that depend on addresses.
#include "core/module.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/request.hpp"
#include "modules/shared/data_block.hpp"
#include "modules/shared/geo.hpp"

namespace berth {

namespace {

using namespace http;

const Address& client(VariableHost& host) { return as_request(host).stream().connection().peer(); }

VariableText forwarded_for(VariableHost& host) {
    const Request& request = as_request(host);
    if (!request.has_header(KnownHeader::x_forwarded_for)) return VariableText::missing();
    return {request.header(KnownHeader::x_forwarded_for), true};
}

void read_geo(Loader& loader, const Node& node) { Geo::read(loader, node, {client, forwarded_for}); }

constexpr Directive directives[] = {
    data_block<read_geo>("geo", in_http_block, {1, 2}, "[$ADDRESS] $VARIABLE { NETWORK VALUE; ... }",
                         "Defines a variable whose value depends on the client's address: that of the "
                         "narrowest network it is in, else "
                         "default. `ranges` as the first line makes keys FIRST-LAST; `proxy NETWORK` trusts "
                         "X-Forwarded-For from "
                         "there, `proxy_recursive` all the way; `delete NETWORK` takes one out again, "
                         "`volatile` looks it up whenever it is asked for."),
};

}  // namespace

extern const Module http_geo;
extern const Module http_geo = {.name = "http_geo", .directives = directives};

}  // namespace berth

// The module uwsgi: uwsgi_pass and what stands beside it.
#include "core/module.hpp"
#include "modules/http/gateway/rows.hpp"
#include "modules/http/uwsgi/uwsgi_request.hpp"

namespace berth {

namespace {

using namespace http;
using namespace rows;
using C = UwsgiConf;

constexpr std::array kOwn = {
    action<C, take_gateway_pass<C, handle_gateway<C, UwsgiRequest>>>(
        "uwsgi_pass", in_location | in_location_if, {1, 1}, "ADDRESS",
        "Passes requests to a uwsgi application: [uwsgi://]HOST[:PORT], unix:PATH, or an upstream by its "
        "name. What it is told is said by uwsgi_param; the file uwsgi_params has the usual.",
        Kind::value),
    param_row<C>("uwsgi_param"),
    number<&C::modifier1>("uwsgi_modifier1", in_http,
                          "The first modifier of packets: which of uWSGI's plugins a request is for."),
    number<&C::modifier2>("uwsgi_modifier2", in_http, "The second modifier of packets."),
};

constexpr auto directives = joined_rows(upstream_rows<C, "uwsgi">(), kOwn);

}  // namespace

extern const Module http_uwsgi;
extern const Module http_uwsgi = {.name = "http_uwsgi", .directives = directives, .location = conf_of<C>()};

}  // namespace berth

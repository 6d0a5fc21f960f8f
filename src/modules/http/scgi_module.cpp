// The module scgi: scgi_pass and what stands beside it.
#include "core/module.hpp"
#include "modules/http/gateway/rows.hpp"
#include "modules/http/scgi/scgi_request.hpp"

namespace berth {

namespace {

using namespace http;
using namespace rows;
using C = ScgiConf;

constexpr std::array kOwn = {
    action<C, take_gateway_pass<C, handle_gateway<C, ScgiRequest>>>(
        "scgi_pass", in_location | in_location_if, {1, 1}, "ADDRESS",
        "Passes requests to an SCGI application: HOST[:PORT], unix:PATH, or an upstream by its name. What it "
        "is told is said by scgi_param; the file scgi_params has the usual.",
        Kind::value),
    param_row<C>("scgi_param"),
};

constexpr auto directives = joined_rows(upstream_rows<C, "scgi">(), kOwn);

}  // namespace

extern const Module http_scgi;
extern const Module http_scgi = {.name = "http_scgi", .directives = directives, .location = conf_of<C>()};

}  // namespace berth

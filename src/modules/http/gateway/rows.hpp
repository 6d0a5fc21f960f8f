// The directives that FastCGI, SCGI and uwsgi have in common, each under its own prefix.
#pragma once

#include "modules/http/gateway/conf.hpp"
#include "modules/http/upstream/rows.hpp"

namespace berth::http {

// X_param. `name` is static.
template <class Conf>
constexpr Directive param_row(std::string_view name) {
    return row_of<Conf>(rows::repeatable(rows::custom<&GatewayConf::params, take_gateway_param>(
        name, in_http, {2, 3}, "NAME TEXT [if_not_empty]",
        "A parameter of requests. CONTENT_LENGTH is always that of the body; the client's fields are "
        "HTTP_NAME. A block that has one takes none of the block around it.",
        Kind::value)));
}

}  // namespace berth::http

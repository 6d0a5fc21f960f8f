// The module fastcgi: fastcgi_pass and what stands beside it.
#include "core/module.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/fastcgi/conf.hpp"
#include "modules/http/fastcgi/fastcgi_request.hpp"
#include "modules/http/gateway/rows.hpp"

namespace berth {

namespace {

using namespace http;
using C = FastcgiConf;

VariableText get_script_name(VariableHost& host, std::uintptr_t) {
    Request& request = as_request(host);
    return {fastcgi_path(request, request.conf<C>()).script};
}

VariableText get_path_info(VariableHost& host, std::uintptr_t) {
    Request& request = as_request(host);
    return {fastcgi_path(request, request.conf<C>()).info};
}

void add_variables(HttpBuilder& builder) {
    builder.variables().define("fastcgi_script_name", get_script_name, 0, Caching::never);
    builder.variables().define("fastcgi_path_info", get_path_info, 0, Caching::never);
}

using namespace rows;

constexpr std::array kOwn = {
    action<C, take_gateway_pass<C, handle_gateway<C, FastcgiRequest>>>(
        "fastcgi_pass", in_location | in_location_if, {1, 1}, "ADDRESS",
        "Passes requests to a FastCGI application, as php-fpm: HOST[:PORT], unix:PATH, or an upstream by its "
        "name. What it is told is said by fastcgi_param; the file fastcgi_params has the usual.",
        Kind::value),
    param_row<C>("fastcgi_param"),
    text<&C::index>("fastcgi_index", in_http, "The file that a path with a slash at its end means."),
    custom<&C::split_path_info, take_split_path_info>(
        "fastcgi_split_path_info", in_location, {1, 1}, "REGEX",
        "Splits paths into $fastcgi_script_name and $fastcgi_path_info, the first and the second group of "
        "REGEX."),
    flag<&C::keep_conn>(
        "fastcgi_keep_conn", in_http,
        "Whether the application keeps connections open; needed by `keepalive` in upstream{}."),
    repeatable(custom<&C::catch_stderr, take_header_names>(
        "fastcgi_catch_stderr", in_http, {1, 1}, "TEXT",
        "An answer counts as invalid when the application writes this to its standard error before it.")),
};

constexpr auto directives = joined_rows(upstream_rows<C, "fastcgi">(), kOwn);

}  // namespace

extern const Module http_fastcgi;
extern const Module http_fastcgi = {
    .name = "http_fastcgi",
    .directives = directives,
    .location = conf_of<C>(),
    .http = add_variables,
};

}  // namespace berth

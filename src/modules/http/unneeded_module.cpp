// The module unneeded: settings of nginx's memory and tables, and for browsers of old, that Berth has no use
// for. An nginx.conf that has them keeps working.
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "modules/http/contexts.hpp"

namespace berth {

namespace {

using namespace http;

using rows::unneeded;

constexpr std::string_view kTable = "Accepted for nginx's sake: tables have the size they need.";
constexpr std::string_view kMemory = "Accepted for nginx's sake: memory is taken as it is needed.";
constexpr std::string_view kSending =
    "Accepted for nginx's sake: answers are sent as soon as they are there.";
constexpr std::string_view kSubrequests = "Accepted for nginx's sake: there are no subrequests.";
constexpr std::string_view kBrowsers = "Accepted for nginx's sake: the browsers it was for are gone.";

constexpr Directive directives[] = {
    unneeded("server_names_hash_max_size", in_http_block, kTable, Kind::number),
    unneeded("server_names_hash_bucket_size", in_http_block, kTable),
    unneeded("variables_hash_max_size", in_http_block, kTable, Kind::number),
    unneeded("variables_hash_bucket_size", in_http_block, kTable),
    unneeded("connection_pool_size", in_http_block | in_server, kMemory),
    unneeded("request_pool_size", in_http_block | in_server, kMemory),
    unneeded("client_body_in_single_buffer", in_http,
             "Accepted for nginx's sake: a body in memory is in one piece.", Kind::flag),
    unneeded("postpone_output", in_http, kSending),
    unneeded("send_lowat", in_http, kSending),
    unneeded("log_subrequest", in_http, kSubrequests, Kind::flag),
    unneeded("subrequest_output_buffer_size", in_http, kSubrequests),
    unneeded("keepalive_disable", in_http, kBrowsers, Kind::text, {1, kAnyNumber}),
    unneeded("msie_padding", in_http, kBrowsers, Kind::flag),
    unneeded("msie_refresh", in_http, kBrowsers, Kind::flag),
};

}  // namespace

extern const Module http_unneeded;
extern const Module http_unneeded = {.name = "http_unneeded", .directives = directives};

}  // namespace berth

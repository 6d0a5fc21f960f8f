// The module memcached: memcached_pass and what stands beside it.
#include "core/module.hpp"
#include "modules/http/memcached/memcached_request.hpp"
#include "modules/http/upstream/rows.hpp"

namespace berth {

namespace {

using namespace http;
using namespace rows;
using C = MemcachedConf;

constexpr std::array kOwn = {
    action<C, take_memcached_pass>(
        "memcached_pass", in_location | in_location_if, {1, 1}, "ADDRESS",
        "Answers with what memcached keeps under $memcached_key (`set $memcached_key …;`): HOST[:PORT], "
        "unix:PATH, or an upstream by its name. 404 when there is nothing; error_page then says what else.",
        Kind::value),
    number<&C::gzip_flag>("memcached_gzip_flag", in_http,
                          "The bits of a value's flags that mean it is compressed: it is sent with "
                          "Content-Encoding: gzip. 0: none."),
};

constexpr auto directives = joined_rows(upstream_rows<C, "memcached">(), kOwn);

}  // namespace

extern const Module http_memcached;
extern const Module http_memcached = {
    .name = "http_memcached", .directives = directives, .location = conf_of<C>()};

}  // namespace berth

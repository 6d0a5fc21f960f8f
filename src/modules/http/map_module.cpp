// The module map of HTTP: variables that depend on texts.
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "modules/http/contexts.hpp"
#include "modules/shared/data_block.hpp"
#include "modules/shared/map.hpp"

namespace berth {

namespace {

using namespace http;

constexpr std::string_view kTable = "Accepted for nginx's sake: the table has the size it needs.";

constexpr Directive directives[] = {
    data_block<Map::read>("map", in_http_block, {2, 2}, "TEXT $VARIABLE { KEY VALUE; ... }",
                          "Defines a variable whose value depends on a text: on the key it equals (letter "
                          "case ignored), on the regular "
                          "expression (~, ~*) it matches, else default. With `hostnames` keys may be masks "
                          "like *.example.com; with "
                          "`volatile` the value is computed anew at each use."),
    rows::unneeded("map_hash_max_size", in_http_block, kTable),
    rows::unneeded("map_hash_bucket_size", in_http_block, kTable),
};

}  // namespace

extern const Module http_map;
extern const Module http_map = {.name = "http_map", .directives = directives};

}  // namespace berth

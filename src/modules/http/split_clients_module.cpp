// The module split_clients of HTTP: variables that divide clients into shares.
#include "core/module.hpp"
#include "modules/http/contexts.hpp"
#include "modules/shared/data_block.hpp"
#include "modules/shared/split_clients.hpp"

namespace berth {

namespace {

using namespace http;

constexpr Directive directives[] = {
    data_block<SplitClients::read>(
        "split_clients", in_http_block, {2, 2}, "TEXT $VARIABLE { PERCENT VALUE; ... }",
        "Defines a variable that has each value for a share of all texts, and always the "
        "same value for the same text."),
};

}  // namespace

extern const Module http_split_clients;
extern const Module http_split_clients = {.name = "http_split_clients", .directives = directives};

}  // namespace berth

// The module resolver of HTTP: resolver and resolver_timeout.
#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "core/time/clock.hpp"
#include "event/process/worker.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/resolver_conf.hpp"
#include "modules/http/upstreams.hpp"

namespace berth {

namespace http {

void HttpResolverConf::finish(Loader& loader) { http_upstreams(loader).use_resolver(*resolver, *timeout); }

}  // namespace http

namespace {

using namespace http;

void take_resolver(Loader& loader, const Node& node, Setting<const upstream::ResolverConf*>& into) {
    into.set(loader.cycle().own<upstream::Resolvers>().read(loader, node));
}

constexpr Directive directives[] = {
    rows::custom<&HttpResolverConf::resolver, take_resolver>(
        "resolver", in_http, {1, kAnyNumber}, upstream::kResolverUsage, upstream::kResolverHelp),
    rows::duration<&HttpResolverConf::timeout>("resolver_timeout", in_http, upstream::kResolverTimeoutHelp),
};

Result<void> init_cycle(Cycle& cycle) { return cycle.own<upstream::Resolvers>().prepare(); }

void write_status(Worker& worker, StatusWriter& out) {
    worker.cycle().conf<upstream::Resolvers>().write_status(out, monotonic_ms());
}

}  // namespace

extern const Module http_resolver;
extern const Module http_resolver = {.name = "http_resolver",
                                     .directives = directives,
                                     .global = conf_of<upstream::Resolvers>(),
                                     .location = conf_of<http::HttpResolverConf>(),
                                     .init_cycle = init_cycle,
                                     .start_worker = upstream::start_resolvers,
                                     .stop_worker = upstream::stop_resolvers,
                                     .status = write_status};

}  // namespace berth

// The module upstream of HTTP: the block upstream{}.
#include <algorithm>
#include <array>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "core/time/clock.hpp"
#include "event/process/worker.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/upstreams.hpp"
#include "modules/upstream/control.hpp"
#include "modules/upstream/upstream_rows.hpp"
#include "modules/upstream/upstream_status.hpp"

namespace berth {

namespace {

using namespace http;

void open_block(Loader& loader, const Node& node) {
    upstream::open_upstream(loader, node, in_upstream, http_upstreams(loader));
}

constexpr Directive kBlock =
    rows::repeatable(rows::block<open_block>("upstream", in_http_block, in_upstream, {1, 1}, "NAME { … }",
                                             "A group of servers that proxy_pass and its relatives pass "
                                             "requests to, by a balancer (round robin if none "
                                             "is named)."));

constexpr auto directives = [] {
    constexpr auto inner = upstream::upstream_rows(in_upstream);
    std::array<Directive, inner.size() + 1> all;
    all[0] = kBlock;
    std::copy(inner.begin(), inner.end(), all.begin() + 1);
    return all;
}();

Result<void> init_cycle(Cycle& cycle) { return http_upstreams(cycle).prepare("http", cycle.generation()); }

Result<void> start_worker(Worker& worker) { return http_upstreams(worker.cycle()).start(worker); }

void stop_worker(Worker& worker) { http_upstreams(worker.cycle()).stop(); }

void write_status(Worker& worker, StatusWriter& out) {
    upstream::write_upstreams(out, "upstreams", http_upstreams(worker.cycle()), monotonic_ms());
}

const upstream::Upstreams& upstreams_of(const Cycle& cycle) { return http_upstreams(cycle); }

constexpr Command commands[] = {
    {.name = "upstream",
     .summary = "the servers of upstream{}: list, add, remove, set, drain, down, up",
     .usage = upstream::kUpstreamUsage,
     .check = upstream::check_upstream_command,
     .run = [](const CommandCall& call) { return upstream::run_upstream_command(call, upstreams_of); }}};

}  // namespace

extern const Module http_upstream;
extern const Module http_upstream = {.name = "http_upstream",
                                     .directives = directives,
                                     .global = conf_of<http::UpstreamConf>(),
                                     .init_cycle = init_cycle,
                                     .start_worker = start_worker,
                                     .stop_worker = stop_worker,
                                     .status = write_status,
                                     .commands = commands};

}  // namespace berth

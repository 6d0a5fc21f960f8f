// The module http_stub_status: stub_status and the variables $connections_…, as nginx has them.
#include <fmt/format.h>

#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "event/process/worker.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/request.hpp"
#include "modules/http/variables/texts.hpp"
#include "modules/status/snapshot.hpp"

namespace berth {
namespace http {
namespace {

using status::ConnectionStates;
using status::Counts;
using status::Snapshot;

// nginx counts every accepted connection, and of these those that were not closed at once for want of room.
Async<Verdict> handle(Request& request, const void*) {
    if (request.method() != Method::get && request.method() != Method::head) return Verdict::reply(405);
    const Counts workers = Snapshot(request.worker().scoreboard()).sum(ProcessRole::worker);
    const ConnectionStates states(workers);
    const status::ListenerRow counted = workers.all_listeners();
    const std::uint64_t accepts = counted[status::kAccepted] + counted[status::kHanded];
    std::uint64_t requests = workers.active;
    for (const std::uint64_t answered : workers.requests) requests += answered;
    const std::string text = fmt::format(
        "Active connections: {} \nserver accepts handled requests\n {} {} {} \n"
        "Reading: {} Writing: {} Waiting: {} \n",
        states.open, accepts, accepts - std::min(accepts, counted[status::kRefused]), requests,
        states.reading, states.writing, states.waiting);
    return request.reply(200, "text/plain", request.arena().copy(text));
}

VariableText get_connections(VariableHost& host, std::uintptr_t member) {
    using Member = std::uint64_t ConnectionStates::*;
    constexpr Member kMembers[] = {&ConnectionStates::open, &ConnectionStates::reading,
                                   &ConnectionStates::writing, &ConnectionStates::waiting};
    const ConnectionStates states(as_request(host).worker().scoreboard());
    return number(host, states.*kMembers[member]);
}

void define_variables(HttpBuilder& builder) {
    constexpr std::string_view kNames[] = {"connections_active", "connections_reading", "connections_writing",
                                           "connections_waiting"};
    for (std::uintptr_t i = 0; i < std::size(kNames); ++i) {
        builder.variables().define(kNames[i], get_connections, i, Caching::never);
    }
}

// --- directives

struct Conf {
    Setting<bool> on{false};
};

void take_stub_status(Loader& loader, const Node& node, Setting<bool>& on) {
    Location& location = *current_location(loader);
    if (location.content.run != nullptr) {
        return loader.error(node.at, "this location has something else that answers its requests",
                            "give \"stub_status\" a location of its own");
    }
    location.content.run = handle;
    on.set(true);
}

constexpr Directive directives[] = {
    rows::custom<&Conf::on, take_stub_status>(
        "stub_status", in_server | in_location, {0, 1}, "",
        "Answers with the numbers of connections and requests as nginx shows them. `status` shows more."),
};

}  // namespace
}  // namespace http

extern const Module http_stub_status;
extern const Module http_stub_status = {.name = "http_stub_status",
                                        .directives = http::directives,
                                        .location = conf_of<http::Conf>(),
                                        .http = http::define_variables};

}  // namespace berth

// The module server_status: what the server itself has to say: processes, listeners, connections, requests.
#include <unistd.h>

#include "core/build_info.hpp"
#include "core/metrics/status_writer.hpp"
#include "core/module.hpp"
#include "event/process/worker.hpp"
#include "modules/status/snapshot.hpp"

namespace berth {

namespace {

using namespace status;
using enum MetricKind;

// In the order of ListenerRow.
struct Column {
    std::string_view key;
    Metric total;
    Metric of_process;
};
constexpr Column kColumns[kListenerColumns] = {
    {"accepted",
     {"berth_listener_accepted_total", counter, "Connections taken from the kernel."},
     {"berth_process_accepted_total", counter, "Connections that a process took from the kernel."}},
    {"handed",
     {"berth_listener_handed_total", counter, "Connections that the master gave to workers."},
     {"berth_process_handed_total", counter,
      "Connections handed over: by the master those it gave away, by a worker those it received."}},
    {"refused",
     {"berth_listener_refused_total", counter, "Connections that a worker could not serve."},
     {"berth_process_refused_total", counter,
      "Connections that a worker could not serve: given back when it came by handoff, closed otherwise."}},
    {"redistributed",
     {"berth_listener_redistributed_total", counter,
      "Connections that came back from a worker, or outlived it, and went to another one."},
     {"berth_process_redistributed_total", counter,
      "Connections that a process had given to a worker, and gave to another one when that would not or "
      "could "
      "not serve them."}},
    {"dropped",
     {"berth_listener_dropped_total", counter, "Connections closed because no worker was there in time."},
     {"berth_process_dropped_total", counter,
      "Connections that a process closed because no worker was there in time."}},
    {"lost",
     {"berth_listener_lost_total", counter,
      "Connections that a process held when it died. Of a worker behind a front, those whose client had said "
      "nothing yet are not lost to the client: the front gives them to another worker (redistributed)."},
     {"berth_process_lost_total", counter, "Connections that a process held when it died."}},
    {"wakeups",
     {"berth_listener_wakeups_total", counter, "Times that a process was woken for a listening socket."},
     {"berth_process_wakeups_total", counter, "Times that a process was woken for a listening socket."}},
    {"empty_wakeups",
     {"berth_listener_empty_wakeups_total", counter,
      "Of the wake-ups, those that found nothing: another process was quicker."},
     {"berth_process_empty_wakeups_total", counter,
      "Of the wake-ups, those that found nothing: another process was quicker."}},
    {"failures",
     {"berth_listener_accept_failures_total", counter, "Times that accept4 failed for want of resources."},
     {"berth_process_accept_failures_total", counter, "Times that accept4 failed for want of resources."}},
    {"received_bytes",
     {"berth_listener_received_bytes_total", counter, "Bytes received from clients."},
     {"berth_process_received_bytes_total", counter, "Bytes received from clients."}},
    {"sent_bytes",
     {"berth_listener_sent_bytes_total", counter, "Bytes sent to clients."},
     {"berth_process_sent_bytes_total", counter, "Bytes sent to clients."}},
    {"open",
     {"berth_listener_open_connections", gauge, "Connections of clients that are open."},
     {"berth_process_open_connections", gauge, "Connections of clients that are open."}},
    {"idle",
     {"berth_listener_idle_connections", gauge, "Of the open connections, those between requests."},
     {"berth_process_idle_connections", gauge, "Of the open connections, those between requests."}},
    {"waiting",
     {"berth_listener_waiting_connections", gauge, "Connections accepted, but not yet with a worker."},
     {"berth_process_waiting_connections", gauge, "Connections accepted, but not yet with a worker."}},
    {"descriptors",
     {"berth_listener_descriptors", gauge,
      "Descriptors held for the connections of clients: one each, in a front also those to workers and the "
      "pipes between, in the master copies of what no worker has taken yet."},
     {"berth_process_listener_descriptors", gauge,
      "Descriptors that a process holds for the connections of its clients."}},
};

constexpr Metric kBuild{"berth_build_info", gauge, "Always 1; the version of the server."};
constexpr Metric kGeneration{"berth_generation", gauge, "The number of the configuration in force."};
constexpr Metric kUptime{"berth_uptime_seconds", gauge, "Since the start of the server."};
constexpr Metric kReloads{"berth_reloads_total", counter, "Configurations that came into force."};
constexpr Metric kFailedReloads{"berth_failed_reloads_total", counter, "Configurations that were refused."};
constexpr Metric kDeaths{"berth_process_deaths_total", counter, "Processes that died without being asked."};
constexpr Metric kMissing{
    "berth_process_missing", gauge,
    "Processes that died early or could not be started, and wait for it (worker_respawn_delay)."};
constexpr Metric kRespawns{"berth_process_respawns_total", counter,
                           "Processes started in the place of dead ones."};

constexpr Metric kProcessUptime{"berth_process_uptime_seconds", gauge, "Since the start of a process."};
constexpr Metric kRestarts{"berth_process_slot_restarts", gauge,
                           "How often the place of this process was filled anew after a death."};
constexpr Metric kDescriptors{"berth_process_open_descriptors", gauge, "Descriptors that a process holds."};
constexpr Metric kVoluntary{"berth_process_voluntary_switches_total", counter,
                            "Context switches because a process waited."};
constexpr Metric kInvoluntary{"berth_process_involuntary_switches_total", counter,
                              "Context switches because a time slice was over."};
constexpr Metric kUser{"berth_process_user_seconds_total", counter, "Processor time in user mode."};
constexpr Metric kSystem{"berth_process_system_seconds_total", counter, "Processor time in the kernel."};
constexpr Metric kResident{"berth_process_max_resident_bytes", gauge, "The most memory a process has had."};
constexpr Metric kTurns{"berth_process_loop_turns_total", counter, "Turns of the event loop."};
constexpr Metric kEmptyTurns{"berth_process_empty_loop_turns_total", counter,
                             "Turns of the event loop in which nothing was to be done."};

constexpr Metric kConnections{"berth_connections", gauge,
                              "Connections of clients: reading a request, writing an answer, waiting."};
constexpr Metric kEvicted{"berth_connections_evicted_total", counter,
                          "Idle connections closed to make room for new ones."};
constexpr Metric kDrainClosed{"berth_connections_drain_closed_total", counter,
                              "Idle connections closed at the end of worker_idle_drain."};
constexpr Metric kShutdownClosed{"berth_connections_shutdown_closed_total", counter,
                                 "Connections with work under way closed by worker_shutdown_timeout; with "
                                 "strategy=proxy by a front, a worker, or each on its side."};
constexpr Metric kBadProxy{"berth_connections_bad_proxy_header_total", counter,
                           "Connections closed because of their PROXY header."};
constexpr Metric kSlowBodies{"berth_requests_slow_body_total", counter,
                             "Requests given up because of client_body_min_rate."};
constexpr Metric kUnwrittenBodies{
    "berth_requests_unwritten_body_total", counter,
    "Requests refused because their body could not be written to a temporary file."};
struct NamedMetric {
    const char* name;
    Metric metric;
};
// In the order of ProxyCounters.
constexpr NamedMetric kProxy[] = {
    {"retries", {"berth_proxy_retries_total", counter, "Requests that were given to a further backend."}},
    {"retries_refused",
     {"berth_proxy_retries_refused_total", counter,
      "Further backends not asked: the retry budget was used up."}},
    {"broken_answers",
     {"berth_proxy_broken_answers_total", counter,
      "Answers that could not be completed and were broken off."}},
    {"client_aborts",
     {"berth_proxy_client_aborts_total", counter, "Requests cancelled because their client had left."}},
    {"temp_file_errors",
     {"berth_proxy_temp_file_errors_total", counter, "Answers that went on without their temporary file."}},
    {"tunnels", {"berth_proxy_tunnels", gauge, "Upgraded connections (WebSocket) that are open."}},
};
constexpr Metric kRequests{"berth_http_requests_total", counter,
                           "Requests that are over, by the class of their status; none: without an answer."};
constexpr Metric kActive{"berth_http_active_requests", gauge, "Requests that are being answered."};
constexpr Metric kTimes{"berth_http_request_duration_seconds", histogram,
                        "From the first byte of a request to the last of its answer."};

constexpr std::string_view kClasses[RequestCounters::kClasses] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

double seconds_since(std::uint64_t start_ms, std::uint64_t now_ms) {
    return now_ms > start_ms ? static_cast<double>(now_ms - start_ms) / 1e3 : 0;
}

double seconds(std::uint64_t microseconds) { return static_cast<double>(microseconds) / 1e6; }

void label_process(StatusWriter& out, const Process& process) {
    out.label("role", to_text(process.role));
    out.label("slot", std::uint64_t{process.slot});
    out.label("generation", process.generation);
    out.label("id", process.id);
}

void write_server(StatusWriter& out, const Snapshot& now, Worker& worker) {
    const Process* master = nullptr;
    for (const Process& process : now.processes) {
        if (process.role == ProcessRole::master) master = &process;
    }
    const auto server = out.object("server");
    out.text("version", BERTH_VERSION);
    {
        const auto build = out.object("build");
        out.label("version", BERTH_VERSION);
        out.value("info", kBuild, 1U);
    }
    out.value("generation", kGeneration, master != nullptr ? master->generation : worker.generation());
    out.number("pid", static_cast<std::uint64_t>(master != nullptr ? master->pid : ::getpid()));
    out.flag("master_process", master != nullptr);
    out.value("uptime_seconds", kUptime, seconds_since(now.started_ms, worker.loop().wall().milliseconds()));
    out.value("reloads", kReloads, now.reloads);
    out.value("failed_reloads", kFailedReloads, now.failed_reloads);
    out.value("deaths", kDeaths, now.deaths);
    out.value("respawns", kRespawns, now.respawns);
    out.value("missing", kMissing, now.missing);
}

void write_processes(StatusWriter& out, const Snapshot& now, const WallClock& clock) {
    const auto processes = out.list("processes");
    for (const Process& process : now.processes) {
        const auto one = out.object();
        label_process(out, process);
        out.number("pid", static_cast<std::uint64_t>(process.pid));
        out.text("state", to_text(process.state));
        out.value("uptime_seconds", kProcessUptime, seconds_since(process.started_ms, clock.milliseconds()));
        out.value("restarts", kRestarts, process.restarts);
        const ListenerRow clients = process.counts.all_listeners();
        out.number("connections", clients[kOpen]);
        out.number("idle_connections", clients[kIdle]);
        out.number("used_slots", process.used_slots);
        out.value("descriptors", kDescriptors, process.descriptors);
        out.value("voluntary_switches", kVoluntary, process.voluntary_switches);
        out.value("involuntary_switches", kInvoluntary, process.involuntary_switches);
        out.value("user_seconds", kUser, seconds(process.user_us));
        out.value("system_seconds", kSystem, seconds(process.system_us));
        out.value("max_resident_bytes", kResident, process.resident_bytes);
        out.value("loop_turns", kTurns, process.loop_turns);
        out.value("empty_loop_turns", kEmptyTurns, process.empty_turns);
    }
}

void write_row(StatusWriter& out, const ListenerRow& row, Metric Column::*metric) {
    for (std::size_t i = 0; i < kListenerColumns; ++i)
        out.value(kColumns[i].key, kColumns[i].*metric, row[i]);
}

// By role: with handoff master and workers count the same connections, with proxy fronts and workers.
void write_totals(StatusWriter& out, const std::array<Counts, kProcessRoles>& sums, std::size_t listener) {
    const auto totals = out.list("totals");
    for (std::size_t i = 0; i < kProcessRoles; ++i) {
        const ListenerRow& row = sums[i].listeners[listener];
        const auto role = static_cast<ProcessRole>(i);
        if (role != ProcessRole::worker && row == ListenerRow{}) continue;
        const auto one = out.object();
        out.label("role", to_text(role));
        write_row(out, row, &Column::total);
    }
}

void write_listeners(StatusWriter& out, const Snapshot& now) {
    std::array<Counts, kProcessRoles> sums;
    for (std::size_t i = 0; i < kProcessRoles; ++i) sums[i] = now.sum(static_cast<ProcessRole>(i));
    const auto listeners = out.list("listeners");
    for (std::size_t i = 0; i < now.listeners.size(); ++i) {
        const auto one = out.object();
        out.label("address", now.listeners[i].address);
        out.text("strategy", now.listeners[i].strategy);
        write_totals(out, sums, i);
        const auto processes = out.list("processes");
        for (const Process& process : now.processes) {
            const ListenerRow& row = process.counts.listeners[i];
            if (row == ListenerRow{}) continue;
            const auto its = out.object();
            label_process(out, process);
            write_row(out, row, &Column::of_process);
        }
    }
}

// Under proxy fronts have the clients' connections, too: what they close is not what workers close.
void write_connections(StatusWriter& out, const Counts& workers, const Counts& fronts) {
    const ConnectionStates states(workers);
    const auto connections = out.object("connections");
    out.number("open", states.open);
    out.value_by("state", "reading", kConnections, states.reading);
    out.value_by("state", "writing", kConnections, states.writing);
    out.value_by("state", "waiting", kConnections, states.waiting);
    out.value("evicted", kEvicted, workers.evicted + fronts.evicted);
    out.value("drain_closed", kDrainClosed, workers.drain_closed + fronts.drain_closed);
    out.value("shutdown_closed", kShutdownClosed, workers.shutdown_closed + fronts.shutdown_closed);
    out.value("bad_proxy_headers", kBadProxy, workers.bad_proxy_headers);
    out.value("slow_bodies", kSlowBodies, workers.slow_bodies);
    out.value("unwritten_bodies", kUnwrittenBodies, workers.unwritten_bodies);
}

void write_proxy(StatusWriter& out, const Counts& workers) {
    const auto proxy = out.object("proxy");
    for (std::size_t i = 0; i < workers.proxy.size(); ++i) {
        out.value(kProxy[i].name, kProxy[i].metric, workers.proxy[i]);
    }
}

void write_http(StatusWriter& out, const Snapshot& now, const Counts& workers) {
    const auto http = out.object("http");
    out.value("active_requests", kActive, workers.active);
    write_proxy(out, workers);
    {
        const auto requests = out.object("requests");
        std::uint64_t total = 0;
        for (std::size_t i = 0; i < workers.requests.size(); ++i) {
            out.value_by("class", kClasses[i], kRequests, workers.requests[i]);
            total += workers.requests[i];
        }
        out.number("total", total);
    }
    out.times("request_seconds", kTimes, now.request_times);
}

void write_status(Worker& worker, StatusWriter& out) {
    // What is shown of this process is what it is now.
    measure_process(worker.row().usage);
    const Snapshot now(worker.scoreboard());
    const Counts workers = now.sum(ProcessRole::worker);
    write_server(out, now, worker);
    write_processes(out, now, worker.loop().wall());
    write_listeners(out, now);
    write_connections(out, workers, now.sum(ProcessRole::front));
    write_http(out, now, workers);
}

}  // namespace

extern const Module server_status;
extern const Module server_status = {.name = "server_status", .status = write_status};

}  // namespace berth

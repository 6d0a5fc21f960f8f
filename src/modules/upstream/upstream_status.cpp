// Upstreams and peers in the status: their condition first, then what they did.
#include "modules/upstream/upstream_status.hpp"

#include <array>

#include "modules/upstream/peer_group.hpp"
#include "modules/upstream/upstreams.hpp"

namespace berth::upstream {

namespace {

using enum MetricKind;

constexpr Metric kRefused{"berth_upstream_refused_total", counter, "Requests for which there was no peer."};
constexpr Metric kQueued{"berth_upstream_queued_total", counter, "Requests that waited for a peer."};
constexpr Metric kWaiting{"berth_upstream_waiting_requests", gauge, "Requests that wait for a peer."};
constexpr Metric kLost{"berth_upstream_lost_requests_total", counter,
                       "Requests under way in workers that died."};
constexpr Metric kChanges{"berth_upstream_changes_total", counter,
                          "Commands that changed the peers while the server ran."};
constexpr Metric kUnsaved{"berth_upstream_unsaved_changes_total", counter,
                          "Commands refused because the state file could not be written."};
constexpr Metric kNameLookups{"berth_upstream_name_lookups_total", counter, "Lookups of a server's name."};
constexpr Metric kNameFailures{"berth_upstream_name_failures_total", counter,
                               "Lookups of a server's name that failed."};
constexpr Metric kNameAddresses{"berth_upstream_name_addresses", gauge,
                                "Addresses in use that the name stands for."};
constexpr Metric kNameResolved{"berth_upstream_name_resolved_seconds", gauge,
                               "How long ago the name was last resolved."};
constexpr Metric kUp{"berth_peer_up", gauge, "Whether the peer is given requests: 1 or 0."};
constexpr Metric kSince{"berth_peer_condition_seconds", gauge, "How long it has been up, or out."};
constexpr Metric kDowntime{"berth_peer_downtime_seconds_total", counter,
                           "Time out, the present one included."};
constexpr Metric kActive{"berth_peer_active_requests", gauge, "Requests under way."};
constexpr Metric kIdle{"berth_peer_kept_connections", gauge, "Idle connections kept for later requests."};
constexpr Metric kRequests{"berth_peer_requests_total", counter, "Requests given to the peer."};
constexpr Metric kResponses{"berth_peer_responses_total", counter,
                            "Attempts that are over, by the class of the status; none: without an answer."};
constexpr Metric kFailed{"berth_peer_failures_total", counter, "Attempts that failed, by the way they did."};
constexpr Metric kAbandoned{"berth_peer_abandoned_total", counter,
                            "Attempts given up because the client left."};
constexpr Metric kUnavailable{"berth_peer_unavailable_total", counter, "Times that the peer was taken out."};
constexpr Metric kUnasked{"berth_peer_unasked_total", counter,
                          "Kept connections closed because the peer sent bytes between two requests."};
constexpr Metric kChecks{"berth_peer_checks_total", counter, "Active health checks that ended."};
constexpr Metric kFailedChecks{"berth_peer_failed_checks_total", counter,
                               "Active health checks that failed."};
constexpr Metric kSent{"berth_peer_sent_bytes_total", counter, "Bytes sent to the peer."};
constexpr Metric kReceived{"berth_peer_received_bytes_total", counter, "Bytes received from the peer."};
constexpr Metric kTimes{"berth_peer_response_duration_seconds", histogram,
                        "From the choice of the peer to the last byte of its answer."};

constexpr std::array<std::string_view, 6> kClasses = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};
constexpr std::array<std::string_view, kFailures> kFailureNames = {
    "none",    "connect_refused", "connect_timeout", "connect_failed", "reset",
    "timeout", "invalid",         "status",          "stale"};
constexpr std::array<std::string_view, kRefusals> kRefusalNames = {
    "none", "no_live_peers", "all_busy", "queue_full", "queue_timeout", "zone_full"};

// A text for each value but the first, which means that nothing was wrong.
template <std::size_t N>
void write_kinds(StatusWriter& out, std::string_view key, std::string_view label, const Metric& metric,
                 const std::array<std::string_view, N>& names, const std::array<std::uint64_t, N>& numbers) {
    const auto kinds = out.object(key);
    for (std::size_t i = 1; i < N; ++i) out.value_by(label, names[i], metric, numbers[i]);
}

double seconds_since(std::uint64_t then, std::uint64_t now) {
    return now > then ? static_cast<double>(now - then) / 1e3 : 0;
}

void write_settings(StatusWriter& out, const PeerView& peer) {
    const Parameters& its = peer.parameters;
    out.number("weight", its.weight);
    out.number("effective_weight", static_cast<double>(peer.effective_weight) / Member::kWarm);
    out.number("max_conns", its.max_conns);
    out.number("max_fails", its.max_fails);
    out.number("fail_timeout_seconds", static_cast<double>(its.fail_timeout.count()) / 1e3);
    out.flag("backup", its.backup);
    out.flag("down", its.down);
    out.flag("drain", its.drain);
}

bool gets_requests(Condition condition) noexcept {
    return condition == Condition::up || condition == Condition::probing;
}

void write_checks(StatusWriter& out, const CheckRecord& checks, std::uint64_t now) {
    if (checks.last == 0) return;
    const auto part = out.object("health_checks");
    out.value("checks", kChecks, checks.total);
    out.value("failed", kFailedChecks, checks.failed);
    out.number("fails_in_row", checks.fails_in_row);
    out.number("passes_in_row", checks.passes_in_row);
    out.number("last_seconds_ago", seconds_since(checks.last, now));
    const std::string_view complaint = checks.complaint.data();
    out.text("last_result", complaint.empty() ? "passed" : complaint);
}

void write_peer(StatusWriter& out, const PeerView& peer, std::uint64_t now) {
    const auto one = out.object();
    out.label("peer", peer.name);
    out.text("server", peer.server);
    out.text("condition", to_text(peer.condition));
    if (!peer.reason.empty()) out.text("reason", peer.reason);
    out.value("up", kUp, gets_requests(peer.condition) ? 1U : 0U);
    const bool is_out = peer.condition != Condition::up && peer.since != 0;
    if (peer.since != 0) out.value("condition_seconds", kSince, seconds_since(peer.since, now));
    const double past = static_cast<double>(peer.downtime) / 1e3;
    out.value("downtime_seconds", kDowntime, past + (is_out ? seconds_since(peer.since, now) : 0));
    write_settings(out, peer);
    out.value("active", kActive, peer.active);
    out.value("kept", kIdle, peer.idle);
    out.number("fails", peer.fails);
    write_checks(out, peer.checks, now);
    out.value("requests", kRequests, peer.requests);
    {
        const auto classes = out.object("responses");
        for (std::size_t i = 0; i < kClasses.size(); ++i) {
            out.value_by("class", kClasses[i], kResponses, peer.responses[i]);
        }
    }
    write_kinds(out, "failures", "kind", kFailed, kFailureNames, peer.failures);
    out.value("abandoned", kAbandoned, peer.abandoned);
    out.value("unavailable", kUnavailable, peer.unavailable);
    out.value("unasked", kUnasked, peer.unasked);
    out.value("sent_bytes", kSent, peer.sent);
    out.value("received_bytes", kReceived, peer.received);
    out.number("header_seconds_average", static_cast<double>(peer.header_time) / 1e6);
    out.number("response_seconds_average", static_cast<double>(peer.response_time) / 1e6);
    if (peer.times != nullptr) out.times("response_time", kTimes, *peer.times);
}

void write_names(StatusWriter& out, const std::vector<NameView>& names, std::uint64_t now) {
    if (names.empty()) return;
    const auto list = out.list("names");
    for (const NameView& name : names) {
        const auto one = out.object();
        out.label("name", name.name);
        out.value("addresses", kNameAddresses, name.addresses);
        out.value("lookups", kNameLookups, name.state.lookups);
        out.value("failures", kNameFailures, name.state.failures);
        if (name.state.resolved != 0) {
            out.value("resolved_seconds_ago", kNameResolved, seconds_since(name.state.resolved, now));
        }
        const std::string_view complaint = name.state.complaint.data();
        if (name.state.lookups != 0) out.text("last_result", complaint.empty() ? "resolved" : complaint);
    }
}

}  // namespace

void write_upstreams(StatusWriter& out, std::string_view key, const Upstreams& upstreams, std::uint64_t now,
                     const Upstream* only) {
    const auto list = out.list(key);
    for (const auto& upstream : upstreams.all()) {
        if (only != nullptr && upstream.get() != only) continue;
        const auto one = out.object();
        out.label("upstream", upstream->name());
        const GroupTotals totals = upstream->group().totals();
        write_kinds(out, "refused", "why", kRefused, kRefusalNames, totals.refused);
        out.value("queued", kQueued, totals.queued);
        out.value("waiting", kWaiting, totals.waiting);
        out.value("lost_requests", kLost, totals.lost_requests);
        out.value("changes", kChanges, totals.changes);
        out.value("unsaved_changes", kUnsaved, totals.unsaved);
        write_names(out, upstream->group().names(), now);
        const auto peers = out.list("peers");
        for (const PeerView& peer : upstream->group().view(now)) write_peer(out, peer, now);
    }
}

}  // namespace berth::upstream

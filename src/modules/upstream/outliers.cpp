// The judgement of outliers.
#include "modules/upstream/outliers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace berth::upstream {

namespace {

bool is_ejected(const PeerState& peer, std::uint64_t now) noexcept {
    return peer.health == Health::ejected && now < peer.ejected_until;
}

bool one_more_may_go(const Roster& roster, const OutlierOptions& options, std::uint64_t now) noexcept {
    std::uint64_t out = 1;
    std::uint64_t all = 0;
    for (const Member& member : roster.all()) {
        if (member.parameters.backup || member.parameters.down) continue;
        ++all;
        out += is_ejected(*member.peer, now) ? 1 : 0;
    }
    return all > 1 && out * 100 <= all * options.most;
}

// The median of the other peers' average times to the head; 0: nothing to compare with.
std::uint64_t usual_time(const Roster& roster, const Member& but) {
    std::vector<std::uint64_t> times;
    for (const Member& member : roster.all()) {
        if (&member != &but && member.peer->header_time != 0) times.push_back(member.peer->header_time);
    }
    if (times.empty()) return 0;
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>((times.size() - 1) / 2);
    std::ranges::nth_element(times, middle);
    return *middle;
}

// What speaks against the peer; empty: nothing.
std::string complaint(const Roster& roster, const Member& member, const OutlierOptions& options) {
    const PeerState& peer = *member.peer;
    if (options.consecutive_errors != 0 && peer.consecutive_errors >= options.consecutive_errors) {
        return fmt::format("{} errors in a row", peer.consecutive_errors);
    }
    if (options.latency_factor == 0 || peer.timed_answers < kTimedEnough) return {};
    const std::uint64_t usual = usual_time(roster, member);
    if (usual == 0 || peer.header_time <= usual * options.latency_factor) return {};
    return fmt::format("answers take {} ms, those of others {} ms", peer.header_time / 1000, usual / 1000);
}

}  // namespace

Change judge_outlier(const Roster& roster, Member& member, const Report& report,
                     const OutlierOptions& options, std::uint64_t now) {
    PeerState& peer = *member.peer;
    if (peer.health == Health::unhealthy || is_ejected(peer, now) || report.failure == Failure::stale) {
        return Change::none;
    }
    Change change = Change::none;
    if (peer.health == Health::ejected) {
        // The time is over; what is slow has to be measured anew.
        change = set_health(member, Health::unknown, {}, now);
        peer.header_time = peer.response_time = 0;
    }
    const bool bad = report.failure != Failure::none || report.status >= 500;
    peer.consecutive_errors = bad ? peer.consecutive_errors + 1 : 0;
    if (!bad && peer.timed_answers >= kTimedEnough) peer.ejections = 0;
    const std::string reason = complaint(roster, member, options);
    if (reason.empty() || !one_more_may_go(roster, options, now)) return change;
    peer.ejections = std::min(peer.ejections + 1, kLongestEjection);
    const auto time = static_cast<std::uint64_t>(options.time.count()) * peer.ejections;
    return set_health(member, Health::ejected, reason, now, now + time);
}

}  // namespace berth::upstream

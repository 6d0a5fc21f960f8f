// The rules of passive health, and the record of who is out, why and since when.
#include "modules/upstream/health.hpp"

#include <algorithm>
#include <cstring>

namespace berth::upstream {

namespace {

std::uint64_t milliseconds(Milliseconds time) noexcept { return static_cast<std::uint64_t>(time.count()); }

void set_reason(PeerState& peer, std::string_view text) noexcept {
    const std::size_t size = std::min(text.size(), peer.reason.size() - 1);
    std::memcpy(peer.reason.data(), text.data(), size);
    peer.reason[size] = '\0';
}

void go_out(PeerState& peer, std::string_view reason, std::uint64_t now) noexcept {
    set_reason(peer, reason);
    peer.since = now;
    ++peer.unavailable;
    peer.epoch.fetch_add(1, std::memory_order_relaxed);
}

void come_back(Member& member, std::uint64_t now) noexcept {
    PeerState& peer = *member.peer;
    peer.downtime += now - std::min(now, peer.since);
    peer.since = now;
    peer.reason[0] = '\0';
    peer.timed_answers = 0;
    peer.consecutive_errors = 0;
    if (member.parameters.slow_start.count() > 0) peer.warming_from = now;
    member.effective_weight = member.parameters.weight;
}

bool is_out(Health health) noexcept { return health == Health::unhealthy || health == Health::ejected; }

}  // namespace

void note_chosen(Member& member, std::uint64_t now) noexcept {
    PeerState& peer = *member.peer;
    if (now - peer.checked > milliseconds(member.parameters.fail_timeout)) peer.checked = now;
}

Change note_success(const Roster& roster, Member& member, std::uint64_t now) noexcept {
    PeerState& peer = *member.peer;
    if (peer.fails == 0 || peer.accessed >= peer.checked) return Change::none;
    const bool was_out = member.tripped() && !roster.single();
    peer.fails = 0;
    if (!was_out) return Change::none;
    come_back(member, now);
    return Change::came_back;
}

Change note_failure(const Roster& roster, Member& member, Failure failure, std::uint64_t now) noexcept {
    PeerState& peer = *member.peer;
    const Parameters& its = member.parameters;
    if (failure == Failure::none || failure == Failure::stale) return Change::none;
    if (failure == Failure::connect_refused || failure == Failure::reset) {
        peer.epoch.fetch_add(1, std::memory_order_relaxed);
    }
    if (its.max_fails == 0 || roster.single()) return Change::none;
    const bool was_out = member.tripped();
    ++peer.fails;
    if (failure == Failure::connect_refused) peer.fails = std::max(peer.fails, its.max_fails);
    peer.accessed = now;
    peer.checked = now;
    const std::int64_t lost = its.weight / its.max_fails;
    member.effective_weight = std::max<std::int64_t>(member.effective_weight - lost, 0);
    if (!member.tripped()) return Change::none;
    if (was_out) {
        set_reason(peer, to_text(failure));
        return Change::none;
    }
    go_out(peer, to_text(failure), now);
    return Change::taken_out;
}

bool is_live(const Roster& roster, const Member& member, std::uint64_t now) noexcept {
    const PeerState& peer = *member.peer;
    if (peer.health == Health::unhealthy) return false;
    if (peer.health == Health::ejected && now < peer.ejected_until) return false;
    if (roster.single() || !member.tripped()) return true;
    return now - peer.checked > milliseconds(member.parameters.fail_timeout);
}

Change set_health(Member& member, Health health, std::string_view reason, std::uint64_t now,
                  std::uint64_t until) noexcept {
    PeerState& peer = *member.peer;
    const bool was_out = is_out(peer.health);
    peer.health = health;
    peer.ejected_until = until;
    if (is_out(health)) {
        if (was_out) return set_reason(peer, reason), Change::none;
        go_out(peer, reason, now);
        return Change::taken_out;
    }
    if (!was_out) return Change::none;
    // What requests saw while the checks failed is past.
    peer.fails = 0;
    come_back(member, now);
    return Change::came_back;
}

std::int64_t Member::warmth(std::uint64_t now) const noexcept {
    const std::uint64_t time = milliseconds(parameters.slow_start);
    if (time == 0 || peer->warming_from == 0) return kWarm;
    const std::uint64_t passed = now - std::min(now, peer->warming_from);
    if (passed >= time) return kWarm;
    return std::max<std::int64_t>(1, static_cast<std::int64_t>(passed * kWarm / time));
}

std::string_view to_text(Condition condition) noexcept {
    switch (condition) {
        case Condition::up: return "up";
        case Condition::down: return "down";
        case Condition::draining: return "draining";
        case Condition::failed: return "failed";
        case Condition::probing: return "probing";
        case Condition::unhealthy: return "unhealthy";
        case Condition::ejected: return "ejected";
    }
    return "?";
}

Condition condition_of(const Roster& roster, const Member& member, std::uint64_t now) noexcept {
    const PeerState& peer = *member.peer;
    if (member.parameters.down) return Condition::down;
    if (peer.health == Health::unhealthy) return Condition::unhealthy;
    if (peer.health == Health::ejected && now < peer.ejected_until) return Condition::ejected;
    if (member.tripped() && !roster.single()) {
        return peer.checked > peer.accessed ? Condition::probing : Condition::failed;
    }
    return member.parameters.drain ? Condition::draining : Condition::up;
}

std::string_view to_text(Refusal refusal) noexcept {
    switch (refusal) {
        case Refusal::none: return "granted";
        case Refusal::no_live_peers: return "no live upstreams";
        case Refusal::all_busy: return "all upstream servers are at max_conns";
        case Refusal::queue_full: return "the upstream queue is full";
        case Refusal::queue_timeout: return "the upstream queue timed out";
        case Refusal::zone_full: return "the upstream zone is full";
    }
    return "?";
}

std::string_view to_text(Failure failure) noexcept {
    switch (failure) {
        case Failure::none: return "none";
        case Failure::connect_refused: return "connection refused";
        case Failure::connect_timeout: return "connecting timed out";
        case Failure::connect_failed: return "connecting failed";
        case Failure::reset: return "connection closed early";
        case Failure::timeout: return "timed out";
        case Failure::invalid: return "invalid answer";
        case Failure::status: return "failing status";
        case Failure::stale: return "kept connection was closed";
    }
    return "?";
}

}  // namespace berth::upstream

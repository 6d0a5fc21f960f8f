// Active checks in shared memory: who sends them, and what they mean for a peer.
#include <algorithm>
#include <cstring>

#include "modules/upstream/health.hpp"
#include "modules/upstream/peer_group.hpp"

namespace berth::upstream {

namespace {

void set_complaint(CheckRecord& checks, std::string_view text) noexcept {
    const std::size_t size = std::min(text.size(), checks.complaint.size() - 1);
    std::memcpy(checks.complaint.data(), text.data(), size);
    checks.complaint[size] = '\0';
}

}  // namespace

PeerGroup::Claim PeerGroup::claim_checks(const Owner& who, std::uint64_t generation, std::uint64_t now,
                                         std::uint64_t until) {
    const Lock held = lock();
    SharedGroup& shared = *shared_;
    if (generation < shared.checks_begun) return Claim::refused;
    const bool mine = shared.checker.cell == who.cell && shared.checker.id == who.id;
    const bool somebodys = shared.checker.cell != nullptr && shared.checker.alive();
    const bool holds = now < shared.checks_until && shared.checker_generation >= generation;
    if (!mine && somebodys && holds) return Claim::refused;
    shared.checker = who;
    shared.checker_generation = generation;
    shared.checks_until = until;
    return mine ? Claim::held : Claim::taken;
}

void PeerGroup::begin_checks(std::uint64_t generation, const CheckRules& rules, std::uint64_t now) {
    const Lock held = lock();
    if (generation <= shared_->checks_begun) return;
    shared_->checks_begun = generation;
    shared_->checker = Owner();
    shared_->mandatory_checks = rules.on && rules.mandatory;
    for (Member& member : roster_->all()) {
        CheckRecord& checks = member.peer->checks;
        if (rules.on && rules.persistent && checks.last != 0) continue;
        checks.fails_in_row = checks.passes_in_row = 0;
        if (rules.on && rules.mandatory) {
            set_health(member, Health::unhealthy, kNotCheckedYet, now);
        } else if (member.peer->health == Health::unhealthy) {
            set_health(member, Health::unknown, {}, now);
        }
    }
}

Change PeerGroup::record_check(const Owner& who, std::string_view name, std::string_view complaint,
                               const CheckRules& rules, std::uint64_t now) {
    const Lock held = lock();
    Member* member = named(name);
    if (member == nullptr || shared_->checker.cell != who.cell || shared_->checker.id != who.id) {
        return Change::none;
    }
    CheckRecord& checks = member->peer->checks;
    const Health health = member->peer->health;
    ++checks.total;
    checks.last = now;
    set_complaint(checks, complaint);
    if (complaint.empty()) {
        checks.fails_in_row = 0;
        ++checks.passes_in_row;
        // An outlier answers checks well; it comes back when its time is over.
        if (health == Health::ejected || checks.passes_in_row < rules.passes) return Change::none;
        return set_health(*member, Health::healthy, {}, now);
    }
    ++checks.failed;
    checks.passes_in_row = 0;
    ++checks.fails_in_row;
    if (health != Health::unhealthy && checks.fails_in_row < rules.fails) return Change::none;
    return set_health(*member, Health::unhealthy, "health check: " + std::string(complaint), now);
}

std::vector<CheckedPeer> PeerGroup::checked_peers() {
    std::vector<CheckedPeer> peers;
    const Lock held = lock();
    for (const Member& member : roster_->all()) {
        if (member.parameters.down) continue;
        const PeerState& peer = *member.peer;
        peers.push_back({std::string(peer.name), peer.to_address()});
    }
    return peers;
}

}  // namespace berth::upstream

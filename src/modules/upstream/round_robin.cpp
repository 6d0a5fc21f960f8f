// The default balancer, and the rules of who may be chosen at all.
#include "modules/upstream/balancer.hpp"
#include "modules/upstream/health.hpp"

namespace berth::upstream {

bool Candidates::usable_if_bound(const Member& member) noexcept {
    if (!eligible(member) || selection_.tried().contains(member.peer->id)) return false;
    if (!is_live(roster_, member, now_)) return false;
    if (member.full()) {
        busy_ = true;
        return false;
    }
    return true;
}

bool Candidates::recoverable(const Member& member) const noexcept {
    const PeerState& peer = *member.peer;
    const Parameters& its = member.parameters;
    if (its.down || its.drain || selection_.tried().contains(peer.id)) return false;
    if (peer.health == Health::unhealthy || (peer.health == Health::ejected && now_ < peer.ejected_until)) {
        return false;
    }
    return !member.full() && member.tripped() && now_ - peer.checked >= kQuickRecovery;
}

namespace {

class RoundRobin final : public Balancer {
 public:
    Member* choose(Candidates& candidates) override { return next_in_turn(candidates); }
};

}  // namespace

std::unique_ptr<Balancer> make_round_robin(const void*) { return std::make_unique<RoundRobin>(); }

}  // namespace berth::upstream

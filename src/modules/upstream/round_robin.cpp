// The default balancer, and the rules of who may be chosen at all.
#include "modules/upstream/balancer.hpp"
#include "modules/upstream/health.hpp"

namespace berth::upstream {

bool Candidates::usable_if_bound(const Member& member) noexcept {
    if (!eligible(member) || selection_.tried().contains(member.peer->index)) return false;
    if (!is_live(roster_, member, now_)) return false;
    const std::uint32_t limit = member.parameters.max_conns;
    if (limit != 0 && member.peer->active >= limit) {
        busy_ = true;
        return false;
    }
    return true;
}

bool Candidates::recoverable(const Member& member) const noexcept {
    const PeerState& peer = *member.peer;
    const Parameters& its = member.parameters;
    if (its.down || its.drain || selection_.tried().contains(peer.index)) return false;
    if (peer.health == Health::unhealthy || (peer.health == Health::ejected && now_ < peer.ejected_until)) {
        return false;
    }
    if (its.max_conns != 0 && peer.active >= its.max_conns) return false;
    return member.tripped() && now_ - peer.checked >= kQuickRecovery;
}

namespace {

class RoundRobin final : public Balancer {
 public:
    Member* choose(Candidates& candidates) override { return next_in_turn(candidates); }
};

}  // namespace

std::unique_ptr<Balancer> make_round_robin(const void*) { return std::make_unique<RoundRobin>(); }

}  // namespace berth::upstream

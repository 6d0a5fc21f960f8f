// Balancer: how the peer for a request is chosen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "modules/upstream/roster.hpp"
#include "modules/upstream/selection.hpp"

namespace berth::upstream {

// What a balancer chooses from: one tier of the roster (the primaries, or the backups), under the group's
// lock.
class Candidates {
 public:
    Candidates(Roster& roster, Selection& selection, std::uint64_t now) noexcept
        : roster_(roster), selection_(selection), now_(now) {}

    Roster& roster() const noexcept { return roster_; }
    Selection& selection() const noexcept { return selection_; }
    std::uint64_t now() const noexcept { return now_; }

    void use_backups() noexcept { backups_ = true; }
    bool backups() const noexcept { return backups_; }
    // A peer that lives was passed over because it is at max_conns.
    bool busy() const noexcept { return busy_; }

    // Whether the member belongs to this tier, whatever its state.
    bool eligible(const Member& member) const noexcept {
        return member.parameters.backup == backups_ && !member.parameters.down;
    }
    // Whether it may be given this request.
    bool usable(const Member& member) noexcept { return !member.parameters.drain && usable_if_bound(member); }
    // The same for a request that sticks to it: draining does not count.
    bool usable_if_bound(const Member& member) noexcept;
    // When nobody is usable: whether its failures are all that speaks against it, and long enough ago
    // (kQuickRecovery).
    bool recoverable(const Member& member) const noexcept;

 private:
    Roster& roster_;
    Selection& selection_;
    std::uint64_t now_;
    bool backups_ = false;
    bool busy_ = false;
};

// One for each upstream and worker: it may remember. Called on the worker's loop only.
class Balancer {
 public:
    virtual ~Balancer() = default;
    // Before the first choice for a request, without the lock: computes what is asked of the request.
    virtual void begin(Selection&) {}
    // A usable member; null when there is none. Under the lock.
    virtual Member* choose(Candidates& candidates) = 0;
};

// The directive that names the balancer, and how each worker makes its own.
struct BalancerChoice {
    std::string_view directive;  // empty: none was written
    std::unique_ptr<Balancer> (*make)(const void* conf) = nullptr;
    const void* conf = nullptr;  // lives as long as the cycle
    bool plain_servers = false;  // its servers know neither backup nor slow_start
};

std::unique_ptr<Balancer> make_round_robin(const void* = nullptr);

// nginx's smooth weighted round robin, one step over those for which fit(member) holds; what others use for
// ties and when they give up. Null when none fits.
template <class Fit>
Member* next_in_turn(Candidates& candidates, Fit fit) {
    Member* best = nullptr;
    std::int64_t total = 0;
    for (Member& member : candidates.roster().all()) {
        if (!fit(member)) continue;
        // slow_start scales everybody's weight alike when nobody is warming up, which changes no turn.
        const std::int64_t weight = member.effective_weight * member.warmth(candidates.now());
        member.current_weight += weight;
        total += weight;
        if (member.effective_weight < member.parameters.weight) ++member.effective_weight;
        if (best == nullptr || member.current_weight > best->current_weight) best = &member;
    }
    if (best != nullptr) best->current_weight -= total;
    return best;
}
inline Member* next_in_turn(Candidates& candidates) {
    return next_in_turn(candidates, [&](const Member& member) { return candidates.usable(member); });
}

}  // namespace berth::upstream

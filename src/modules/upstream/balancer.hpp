// Balancer: how the peer for a request is chosen.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "modules/upstream/roster.hpp"
#include "modules/upstream/selection.hpp"

namespace berth::upstream {

// What a balancer chooses from: one tier (the primaries, or the backups) of the roster, under the group's
// lock.
struct Candidates {
    static constexpr std::size_t kNone = ~std::size_t{0};

    Roster& roster;
    Selection& selection;
    std::uint64_t now = 0;
    bool backups = false;
    bool busy = false;  // a peer that lives was passed over because of max_conns

    std::span<Member> members() const noexcept { return roster.all(); }
    // Whether the member is of this tier and may be given this request.
    bool usable(const Member& member);
};

class Balancer {
 public:
    virtual ~Balancer() = default;
    // The index of a usable member, or Candidates::kNone.
    virtual std::size_t choose(Candidates& candidates) = 0;
    // The directive it comes from.
    virtual std::string_view name() const noexcept = 0;
};

// nginx's smooth weighted round robin, over those for which `fit(member)` holds; what others fall back to.
std::unique_ptr<Balancer> make_round_robin();

}  // namespace berth::upstream

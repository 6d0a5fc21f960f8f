// Health: what failures and successes do to a peer, and what active checks and outlier detection say of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "modules/upstream/roster.hpp"

namespace berth::upstream {

// Passive health is nginx's: max_fails failures within fail_timeout take a peer out for fail_timeout; then
// one request is let through, and the next after another fail_timeout if nothing was heard of it; a success
// brings the peer back. Sharper in one thing: when the kernel says that nobody is there, once is enough
// (unless max_fails is 0).
//
// All under the group's lock; the caller logs what it is told.

enum class Change : std::uint8_t { none, taken_out, came_back };

// Marks the choice: after a quiet fail_timeout this request is the one whose success is believed.
void note_chosen(Member& member, std::uint64_t now) noexcept;
Change note_success(const Roster& roster, Member& member, std::uint64_t now) noexcept;
Change note_failure(const Roster& roster, Member& member, Failure failure, std::uint64_t now) noexcept;

// Whether health lets the peer have a request; max_conns, down and drain are others' matter.
bool is_live(const Roster& roster, const Member& member, std::uint64_t now) noexcept;

// When every peer is out, waiting for fail_timeout helps nobody: the one that failed longest ago may be tried
// kQuickRecovery after its failure.
inline constexpr std::uint64_t kQuickRecovery = 1000;

// Why a peer is out whose first check (`mandatory`) has not ended.
inline constexpr std::string_view kNotCheckedYet = "not checked yet";

// Of active checks and outlier detection. `until`: the end of an ejection.
Change set_health(Member& member, Health health, std::string_view reason, std::uint64_t now,
                  std::uint64_t until = 0) noexcept;

}  // namespace berth::upstream

// Outliers: peers that answer, but worse than the others, and are taken out for a while.
#pragma once

#include <cstdint>

#include "modules/upstream/health.hpp"
#include "modules/upstream/parameters.hpp"

namespace berth::upstream {

// How many answers of a peer must have been timed since it came back before its latency is judged.
inline constexpr std::uint32_t kTimedEnough = 20;
// An ejection is at most so many times as long as the first.
inline constexpr std::uint32_t kLongestEjection = 10;

// After each attempt, under the group's lock: counts it, and ejects the peer or ends an ejection that is
// over.
Change judge_outlier(const Roster& roster, Member& member, const Report& report,
                     const OutlierOptions& options, std::uint64_t now);

}  // namespace berth::upstream

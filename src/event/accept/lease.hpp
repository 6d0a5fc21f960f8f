// AcceptLease: accept_mutex on: which worker may watch the shared listening sockets, and until when.
#pragma once

#include <atomic>
#include <cstdint>

#include "event/timer.hpp"

namespace berth {

// In memory that all processes see; all zero is a lease that nobody has. One atomic word, so that a process
// may be killed or stopped at any instant: whoever died with it, or sleeps over its deadline, has lost it.
// Two that believe to have it do no harm: both accept for a moment. Time is the loop's clock, which all
// processes of a machine share.
class AcceptLease {
 public:
    // Gives `worker` (its id, which is never used again) the lease until now + length, when nobody has it, or
    // somebody whose deadline has passed. True also when it is the worker's already; the deadline then moves
    // only when half of the time is over, so that asking is cheap.
    bool take(std::uint64_t worker, TimePoint now, Duration length) noexcept;
    // Nobody has it now; false when it was not the worker's.
    bool release(std::uint64_t worker) noexcept;

    bool is_of(std::uint64_t worker) const noexcept;
    bool is_free(TimePoint now) const noexcept;
    // When it is free again at the latest; in the past when nobody has it.
    TimePoint deadline() const noexcept;

 private:
    // The deadline in milliseconds above the worker's id.
    static constexpr unsigned kIdBits = 24;
    static constexpr std::uint64_t kIdMask = (std::uint64_t{1} << kIdBits) - 1;

    static std::uint64_t id_of(std::uint64_t word) noexcept { return word & kIdMask; }
    static TimePoint deadline_of(std::uint64_t word) noexcept;
    static std::uint64_t short_id(std::uint64_t worker) noexcept;

    std::atomic<std::uint64_t> word_{0};
};

}  // namespace berth

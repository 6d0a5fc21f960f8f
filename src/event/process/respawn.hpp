// RespawnPolicy: how long to wait before a dead worker is replaced.
#pragma once

#include <deque>
#include <optional>

#include "event/process/process_conf.hpp"
#include "event/timer.hpp"

namespace berth {

// A worker that dies is replaced at once. Only when workers die before they were ready, or more than five die
// within a second of being ready in ten seconds, does the wait begin; it doubles with each such death, and is
// forgotten when there was none for a while.
class RespawnPolicy {
 public:
    static constexpr Duration kYoung{1000};
    static constexpr Duration kWindow{10'000};
    static constexpr std::size_t kTolerated = 5;
    static constexpr Duration kStep{100};

    explicit RespawnPolicy(RespawnDelay delay = {}) noexcept : delay_(delay) {}
    void configure(RespawnDelay delay) noexcept { delay_ = delay; }

    // A worker died that nobody had asked to end; `ready_for` is how long it had been ready, nothing when it
    // never was. Returns the wait before its replacement. Deaths during a wait join it: the workers of one
    // round that all die are one failure.
    Duration died(TimePoint now, std::optional<Duration> ready_for);

    // Deaths in a row that counted against the workers; 0 when there is no back-off.
    unsigned failures() const noexcept { return failures_; }

 private:
    RespawnDelay delay_;
    unsigned failures_ = 0;
    TimePoint last_failure_{};
    Duration last_delay_{};
    std::deque<TimePoint> young_;
};

}  // namespace berth

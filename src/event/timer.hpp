// Timer: something to be done at a point in time; and the heap in which a loop keeps its timers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "event/callback.hpp"

namespace berth {

// The loop's clock: CLOCK_MONOTONIC in whole milliseconds.
using Duration = std::chrono::milliseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
inline constexpr TimePoint kNever = TimePoint::max();

class EventLoop;
class TimerQueue;

// Intrusive: a member of whatever waits. Its destructor takes it out of the loop. It fires once; its callback
// may arm it again, destroy it, or destroy other timers. A timer armed for now or earlier fires in the *next*
// turn at the earliest when armed from a timer's callback, so that no timer can starve the loop.
class Timer {
 public:
    explicit Timer(Callback<> fire) noexcept : fire_(fire) {}
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer() { leave(); }

    // Arms the timer, or moves its deadline. Moving it later is O(1): the old place is kept, and the timer
    // goes to its true place when the old one comes up. All other moves are O(log n).
    void start(EventLoop& loop, Duration after);
    void start_at(EventLoop& loop, TimePoint deadline);

    // Disarms it; O(1), it may keep its place in the heap until that comes up. Harmless when it is not armed.
    void stop() noexcept { deadline_ = kNever; }

    bool armed() const noexcept { return deadline_ != kNever; }
    TimePoint deadline() const noexcept { return deadline_; }  // kNever when not armed

 private:
    friend class TimerQueue;
    static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
    static constexpr std::uint32_t kDue = std::uint32_t{1} << 31;  // place_ is an index into the due list

    void leave() noexcept;

    Callback<> fire_;
    TimePoint deadline_ = kNever;
    TimerQueue* queue_ = nullptr;
    std::uint32_t place_ = kNowhere;
};

// A 4-ary heap, with lazily extended entries. Part of EventLoop; separate so that it can be tested without
// one.
class TimerQueue {
 public:
    TimerQueue() = default;
    TimerQueue(const TimerQueue&) = delete;
    TimerQueue& operator=(const TimerQueue&) = delete;
    ~TimerQueue();  // timers still in it are disarmed, not fired

    void set(Timer& timer, TimePoint deadline);
    void remove(Timer& timer) noexcept;

    // When the next entry comes up: not later than the next deadline. kNever when there is none.
    TimePoint next() const noexcept { return heap_.empty() ? kNever : heap_.front().when; }

    // Fires what is due at `now`, in order of deadline; returns how many. Not re-entrant.
    std::size_t fire(TimePoint now);

    // Disarms all.
    void clear() noexcept;

    std::size_t size() const noexcept { return heap_.size(); }

 private:
    struct Entry {
        TimePoint when;
        Timer* timer;
    };

    void collect_due(TimePoint now);
    void sift_up(std::size_t at) noexcept;
    void sift_down(std::size_t at) noexcept;
    void put(std::size_t at, Entry entry) noexcept;
    void erase(std::size_t at) noexcept;

    std::vector<Entry> heap_;
    std::vector<Timer*> due_;  // being fired; a null is one that left meanwhile
};

inline void Timer::leave() noexcept {
    if (place_ != kNowhere) queue_->remove(*this);
}

}  // namespace berth

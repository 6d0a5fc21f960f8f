// The timer heap: four children a node, so that a sift touches few cache lines.
#include "event/timer.hpp"

#include <algorithm>
#include <cassert>

namespace berth {

namespace {
constexpr std::size_t kChildren = 4;
}

TimerQueue::~TimerQueue() { clear(); }

void TimerQueue::clear() noexcept {
    for (const Entry& entry : heap_) {
        entry.timer->place_ = Timer::kNowhere;
        entry.timer->deadline_ = kNever;
    }
    heap_.clear();
}

void TimerQueue::set(Timer& timer, TimePoint deadline) {
    assert(timer.place_ == Timer::kNowhere || timer.queue_ == this);
    if (timer.place_ < Timer::kDue) {
        timer.deadline_ = deadline;
        if (deadline >= heap_[timer.place_].when) return;  // later: it moves when this place comes up
        heap_[timer.place_].when = deadline;
        sift_up(timer.place_);
        return;
    }
    if (timer.place_ != Timer::kNowhere) remove(timer);
    timer.queue_ = this;
    timer.deadline_ = deadline;
    heap_.push_back({deadline, &timer});
    sift_up(heap_.size() - 1);
}

void TimerQueue::remove(Timer& timer) noexcept {
    if (timer.place_ == Timer::kNowhere) return;
    if (timer.place_ >= Timer::kDue) {
        due_[timer.place_ - Timer::kDue] = nullptr;
    } else {
        erase(timer.place_);
    }
    timer.place_ = Timer::kNowhere;
    timer.deadline_ = kNever;
}

std::size_t TimerQueue::fire(TimePoint now) {
    if (next() > now) return 0;
    collect_due(now);
    std::size_t fired = 0;
    for (std::size_t i = 0; i < due_.size(); ++i) {
        Timer* timer = due_[i];
        if (timer == nullptr) continue;
        timer->place_ = Timer::kNowhere;
        if (!timer->armed()) continue;  // stopped by one that fired before it
        timer->deadline_ = kNever;
        ++fired;
        timer->fire_();
    }
    due_.clear();
    return fired;
}

// Takes out everything that is due before anything runs: what is armed meanwhile waits for the next turn.
void TimerQueue::collect_due(TimePoint now) {
    while (!heap_.empty() && heap_.front().when <= now) {
        Timer& timer = *heap_.front().timer;
        if (timer.deadline_ <= now) {
            erase(0);
            timer.place_ = Timer::kDue + static_cast<std::uint32_t>(due_.size());
            due_.push_back(&timer);
        } else if (timer.armed()) {
            heap_.front().when = timer.deadline_;
            sift_down(0);
        } else {
            erase(0);
            timer.place_ = Timer::kNowhere;
        }
    }
}

void TimerQueue::put(std::size_t at, Entry entry) noexcept {
    heap_[at] = entry;
    entry.timer->place_ = static_cast<std::uint32_t>(at);
}

void TimerQueue::sift_up(std::size_t at) noexcept {
    const Entry entry = heap_[at];
    while (at > 0) {
        const std::size_t parent = (at - 1) / kChildren;
        if (heap_[parent].when <= entry.when) break;
        put(at, heap_[parent]);
        at = parent;
    }
    put(at, entry);
}

void TimerQueue::sift_down(std::size_t at) noexcept {
    const Entry entry = heap_[at];
    for (;;) {
        const std::size_t first = at * kChildren + 1;
        if (first >= heap_.size()) break;
        const std::size_t end = std::min(first + kChildren, heap_.size());
        std::size_t least = first;
        for (std::size_t child = first + 1; child < end; ++child) {
            if (heap_[child].when < heap_[least].when) least = child;
        }
        if (entry.when <= heap_[least].when) break;
        put(at, heap_[least]);
        at = least;
    }
    put(at, entry);
}

void TimerQueue::erase(std::size_t at) noexcept {
    const Entry last = heap_.back();
    heap_.pop_back();
    if (at == heap_.size()) return;
    put(at, last);
    sift_down(at);
    sift_up(last.timer->place_);
}

}  // namespace berth

// The event loop's turn.
#include "event/loop.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <ctime>

namespace berth {

void Watcher::unwatch() noexcept {
    if (loop_ != nullptr) loop_->unwatch(*this);
}

void Watcher::unwatch_closing() noexcept {
    if (loop_ != nullptr) loop_->unwatch_closing(*this);
}

void Watcher::watch_writes() noexcept {
    if (loop_ != nullptr) loop_->watch_writes(*this);
}

Result<std::unique_ptr<EventLoop>> EventLoop::create(std::string_view poller) {
    Result<std::unique_ptr<Poller>> made = make_poller(poller);
    if (!made) return made.error();
    FileDescriptor wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wakeup) return system_error("eventfd", "", errno);
    std::unique_ptr<EventLoop> loop(new EventLoop(std::move(*made), std::move(wakeup)));
    if (auto watched = loop->watch(loop->wakeup_watcher_, Trigger::level); !watched) return watched.error();
    return loop;
}

EventLoop::EventLoop(std::unique_ptr<Poller> poller, FileDescriptor wakeup)
    : poller_(std::move(poller)),
      wall_(wall_clock()),
      ready_(std::make_unique<ReadyEvent[]>(kBatch)),
      wakeup_(std::move(wakeup)),
      wakeup_watcher_(Callback<Readiness>::to<&EventLoop::run_remote>(*this), wakeup_.get()) {
    update_time();
}

EventLoop::~EventLoop() {
    posted_.clear();
    RemoteTask* task = remote_.exchange(nullptr, std::memory_order_acquire);
    while (task != nullptr) {
        RemoteTask* next = task->next_remote_;
        task->abandoned();
        task = next;
    }
    settle();
    forget_watchers();
}

void EventLoop::forget_watchers() noexcept {
    for (Slot& slot : slots_) {
        if (slot.watcher != nullptr) slot.watcher->loop_ = nullptr;
    }
    slots_.clear();
}

void EventLoop::abandon_after_fork() noexcept {
    forget_watchers();
    timers_.clear();
    posted_.clear();
    first_buried_ = last_buried_ = nullptr;
    remote_.store(nullptr, std::memory_order_relaxed);
    observer_ = nullptr;
    poller_.reset();
    wakeup_.reset();
}

void EventLoop::update_time() noexcept {
    now_us_ = monotonic_us();
    now_ = TimePoint(Duration(static_cast<Duration::rep>(now_us_ / 1000)));
    wall_.update();
}

Result<void> EventLoop::watch(Watcher& watcher, Trigger trigger) {
    assert(watcher.fd_ >= 0 && !watcher.watched());
    const auto at = static_cast<std::size_t>(watcher.fd_);
    if (at >= slots_.size()) slots_.resize(std::max(at + 1, slots_.size() * 2));
    Slot& slot = slots_[at];
    assert(slot.watcher == nullptr);  // its last watcher must have left before the descriptor was closed
    watcher.trigger_ = trigger;
    watcher.wants_read_ = true;
    watcher.wants_write_ = watcher.writes_watched_ = false;
    if (auto added = poller_->add(watcher, ++slot.ticket); !added) return added;
    slot.watcher = &watcher;
    watcher.loop_ = this;
    return {};
}

void EventLoop::watch_writes(Watcher& watcher) noexcept {
    watcher.writes_watched_ = true;
    poller_->watch_writes(watcher, slots_[static_cast<std::size_t>(watcher.fd_)].ticket);
}

void EventLoop::unwatch_closing(Watcher& watcher) noexcept {
    if (watcher.loop_ != this) return;
    poller_->forget(watcher);
    slots_[static_cast<std::size_t>(watcher.fd_)].watcher = nullptr;
    watcher.loop_ = nullptr;
}

void EventLoop::unwatch(Watcher& watcher) noexcept {
    if (watcher.loop_ != this) return;
    poller_->remove(watcher);
    slots_[static_cast<std::size_t>(watcher.fd_)].watcher = nullptr;
    watcher.loop_ = nullptr;
}

void EventLoop::post_from_thread(RemoteTask& task) noexcept {
    RemoteTask* last = remote_.load(std::memory_order_relaxed);
    do {
        task.next_remote_ = last;
    } while (
        !remote_.compare_exchange_weak(last, &task, std::memory_order_release, std::memory_order_relaxed));
    if (last != nullptr) return;  // whoever posted into the empty list wakes the loop
    const std::uint64_t one = 1;
    while (::write(wakeup_.get(), &one, sizeof one) < 0 && errno == EINTR) {}
}

void EventLoop::run_remote(Readiness) {
    std::uint64_t count;
    while (::read(wakeup_.get(), &count, sizeof count) < 0 && errno == EINTR) {}
    RemoteTask* task = remote_.exchange(nullptr, std::memory_order_acquire);
    RemoteTask* ordered = nullptr;
    while (task != nullptr) {  // first posted first
        RemoteTask* next = task->next_remote_;
        task->next_remote_ = ordered;
        ordered = task;
        task = next;
    }
    while (ordered != nullptr) {
        RemoteTask* next = ordered->next_remote_;
        ordered->run();
        ordered = next;
    }
}

void EventLoop::bury(Buried& buried) noexcept {
    assert(buried.next_buried_ == nullptr && last_buried_ != &buried);
    (first_buried_ == nullptr ? first_buried_ : last_buried_->next_buried_) = &buried;
    last_buried_ = &buried;
}

void EventLoop::bury_batch() noexcept {
    Buried* next = first_buried_;
    first_buried_ = last_buried_ = nullptr;
    while (next != nullptr) {
        Buried* buried = next;
        next = buried->next_buried_;
        buried->next_buried_ = nullptr;
        buried->dispose();
    }
}

void EventLoop::settle() noexcept {
    while (first_buried_ != nullptr) {
        run_posted();
        bury_batch();
    }
}

std::size_t EventLoop::run_posted() {
    TaskList batch;
    batch.splice_back(posted_);
    std::size_t count = 0;
    while (Task* task = batch.pop_front()) {
        ++count;
        task->run_();
    }
    return count;
}

Duration EventLoop::timeout(Duration longest) const noexcept {
    if (busy()) return Duration::zero();
    const TimePoint next = timers_.next();
    if (next == kNever) return longest;
    const Duration wait = std::max(next - now_, Duration::zero());
    return longest < Duration::zero() ? wait : std::min(wait, longest);
}

void EventLoop::deliver(const ReadyEvent& event) {
    const Slot& slot = slots_[static_cast<std::size_t>(event.fd)];
    if (slot.watcher == nullptr || slot.ticket != event.ticket) return;  // it left in this turn
    ++counters_.events;
    slot.watcher->ready_(event.readiness);
}

void EventLoop::run_once(Duration longest) {
    ++counters_.turns;
    if (observer_ != nullptr) observer_->before_wait();
    const std::size_t ready = poller_->wait({ready_.get(), kBatch}, timeout(longest));
    update_time();
    if (observer_ != nullptr) observer_->after_wait({ready_.get(), ready});
    for (std::size_t i = 0; i < ready; ++i) deliver(ready_[i]);
    const std::size_t fired = timers_.fire(now_);
    const std::size_t ran = run_posted();
    if (ready + fired + ran == 0) ++counters_.empty_wakeups;
    bury_batch();
    if (posted_.empty()) return;
    // What was read in the first round is answered in the second, without asking the poller in between.
    run_posted();
    bury_batch();
}

void EventLoop::run() {
    stopping_ = false;
    while (!stopping_) run_once();
}

}  // namespace berth

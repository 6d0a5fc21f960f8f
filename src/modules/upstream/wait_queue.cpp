// Places in the queue, and who wakes them.
#include "modules/upstream/wait_queue.hpp"

#include "modules/upstream/upstream_worker.hpp"

namespace berth::upstream {

WaitQueue::Place::Place(WaitQueue& queue, Selection& selection) noexcept
    : queue_(queue), selection_(selection), event_(queue.loop_) {
    queue_.places_.push_back(*this);
    ++queue_.size_;
    queue_.column_.waiting.store(static_cast<std::uint32_t>(queue_.size_), std::memory_order_relaxed);
    if (!queue_.look_.armed()) queue_.look_.start(queue_.loop_, kLookAgain);
}

WaitQueue::Place::~Place() {
    hook_.unlink();
    --queue_.size_;
    queue_.column_.waiting.store(static_cast<std::uint32_t>(queue_.size_), std::memory_order_relaxed);
    if (queue_.empty()) {
        queue_.look_.stop();
    } else if (event_.is_set()) {
        queue_.wake_first();
    }
}

Async<void> WaitQueue::Place::woken(Scope&) {
    event_.reset();
    co_await event_.wait();
}

void WaitQueue::Place::pass_on() noexcept { queue_.wake(++List::Iterator(&hook_)); }

bool WaitQueue::wake_first() noexcept { return wake(places_.begin()); }

bool WaitQueue::wake(List::Iterator from) noexcept {
    if (from == places_.end()) return false;
    Place* place = find(from);
    if (place != nullptr) place->event_.set();
    return place != nullptr;
}

// A queue may be long: those that may go to the same peers are judged once.
WaitQueue::Place* WaitQueue::find(List::Iterator from) const noexcept {
    const PeerGroup::Lock held = worker_.group().lock();
    worker_.bury_dead();
    const Selection* judged = nullptr;
    for (; from != places_.end(); ++from) {
        Selection& selection = from->selection_;
        if (judged != nullptr && selection.may_go_where(*judged)) continue;
        if (!worker_.must_wait(selection)) return &*from;
        judged = &selection;
    }
    return nullptr;
}

void WaitQueue::on_look() {
    wake_first();
    if (!empty()) look_.start(loop_, kLookAgain);
}

}  // namespace berth::upstream

// Places in the queue, and who wakes them.
#include "modules/upstream/wait_queue.hpp"

namespace berth::upstream {

WaitQueue::Place::Place(WaitQueue& queue) noexcept : queue_(queue), event_(queue.loop_) {
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

void WaitQueue::wake_first() noexcept {
    if (Place* first = places_.front()) first->event_.set();
}

void WaitQueue::on_look() {
    wake_first();
    if (!empty()) look_.start(loop_, kLookAgain);
}

}  // namespace berth::upstream

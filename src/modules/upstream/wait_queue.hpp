// WaitQueue: requests that wait until a peer has room for one more (`queue`).
#pragma once

#include <cstddef>

#include "core/memory/intrusive_list.hpp"
#include "event/async/awaiters.hpp"
#include "event/loop.hpp"
#include "modules/upstream/peer_group.hpp"

namespace berth::upstream {

// Of one worker, first come, first served. A place that becomes free in this worker wakes the first; for
// those that become free in other workers, or with one that dies, the first looks again every kLookAgain.
class WaitQueue {
 public:
    static constexpr Duration kLookAgain{10};

    WaitQueue(EventLoop& loop, Column& column) noexcept
        : loop_(loop), column_(column), look_(Callback<>::to<&WaitQueue::on_look>(*this)) {}
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;

    // A request's place in the queue; leaving passes a wake-up on that came too late.
    class Place {
     public:
        explicit Place(WaitQueue& queue) noexcept;
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

        // co_await place.woken(scope);
        Async<void> woken(Scope& scope);

     private:
        friend class WaitQueue;
        WaitQueue& queue_;
        Event event_;
        ListHook hook_;
    };

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    // A peer may have room.
    void wake_first() noexcept;

 private:
    using List = IntrusiveList<Place, &Place::hook_>;
    void on_look();

    EventLoop& loop_;
    Column& column_;
    List places_;
    std::size_t size_ = 0;
    Timer look_;
};

}  // namespace berth::upstream

// WaitQueue: requests that wait until a peer has room for one more (`queue`).
#pragma once

#include <cstddef>

#include "core/memory/intrusive_list.hpp"
#include "event/async/awaiters.hpp"
#include "event/loop.hpp"
#include "modules/upstream/peer_group.hpp"

namespace berth::upstream {

class Selection;
class UpstreamWorker;

// Of one worker, first come, first served: of those that could take a peer that has room, the first gets it.
// Who has tried that peer already waits on, and is in nobody's way. It is looked whether there is such a one
// when a peer gets room in this worker; for those that get it in other workers, or with one that dies, every
// kLookAgain.
class WaitQueue {
 public:
    static constexpr Duration kLookAgain{10};

    WaitQueue(UpstreamWorker& worker, EventLoop& loop, Column& column) noexcept
        : worker_(worker), loop_(loop), column_(column), look_(Callback<>::to<&WaitQueue::on_look>(*this)) {}
    WaitQueue(const WaitQueue&) = delete;
    WaitQueue& operator=(const WaitQueue&) = delete;

    // A request's place in the queue; leaving passes a wake-up on that came too late. The selection is one
    // that has begun, and outlives the place.
    class Place {
     public:
        Place(WaitQueue& queue, Selection& selection) noexcept;
        Place(const Place&) = delete;
        Place& operator=(const Place&) = delete;
        ~Place();

        // co_await place.woken(scope);
        Async<void> woken(Scope& scope);
        // It was woken in vain: whoever is behind it may have more luck.
        void pass_on() noexcept;

     private:
        friend class WaitQueue;
        WaitQueue& queue_;
        Selection& selection_;
        Event event_;
        ListHook hook_;
    };

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    // A peer may have room: wakes the first that need not wait any more. False when there is none. Not under
    // the group's lock.
    bool wake_first() noexcept;

 private:
    using List = IntrusiveList<Place, &Place::hook_>;
    // Of those from this one on.
    bool wake(List::Iterator from) noexcept;
    Place* find(List::Iterator from) const noexcept;
    void on_look();

    UpstreamWorker& worker_;
    EventLoop& loop_;
    Column& column_;
    List places_;
    std::size_t size_ = 0;
    Timer look_;
};

}  // namespace berth::upstream

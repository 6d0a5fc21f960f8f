// A request's way to its next peer, through the queue if it has to be.
#include "modules/upstream/selection.hpp"

#include <algorithm>
#include <utility>

#include "modules/upstream/upstream.hpp"
#include "modules/upstream/upstream_worker.hpp"

namespace berth::upstream {

std::size_t Selection::peers() const noexcept { return worker_.peers_to_try(); }

void Selection::begin() {
    if (std::exchange(begun_, true)) return;
    worker_.begin(*this);
    first_hash_ = hash_;
}

Lease Selection::choose() {
    begin();
    Lease lease = worker_.choose(*this);
    if (lease) {
        tried_.insert(worker_.local(lease.peer_).id);
        given_ = true;
    }
    return lease;
}

Lease Selection::refused(Refusal why) {
    if (!given_) worker_.count_refusal(why);
    return Lease(why);
}

Lease Selection::try_acquire() {
    Lease lease = choose();
    if (!lease) return refused(lease.refusal());
    return lease;
}

bool Selection::has_other() { return worker_.has_other(*this); }

Async<Lease> Selection::acquire(Scope& scope, Duration longest) {
    const QueueOptions& queue = worker_.upstream().queue;
    begin();
    // Those that wait come first, if there is a peer for them.
    if (!worker_.queue().wake_first()) {
        Lease lease = choose();
        if (lease) return lease;
        if (lease.refusal() != Refusal::all_busy || queue.length == 0) return refused(lease.refusal());
    }
    if (worker_.queue().size() >= queue.length) return refused(Refusal::queue_full);
    return wait(scope, longest);
}

Async<Lease> Selection::wait(Scope& scope, Duration longest) {
    worker_.count_queued();
    WaitQueue::Place place(worker_.queue(), *this);
    const Duration timeout = worker_.upstream().queue.timeout;
    const TimePoint deadline = scope.loop().now() + std::min(timeout, longest);
    for (;;) {
        const Duration left = deadline - scope.loop().now();
        if (left <= Duration::zero()) break;
        Async<void> waiting = place.woken(scope);
        std::optional<std::monostate> woken = co_await with_deadline(scope, left, std::move(waiting));
        if (!woken) break;
        // Its own peer may be free now, which was passed over while it was busy.
        hash_ = first_hash_;
        Lease lease = choose();
        if (lease) co_return lease;
        if (lease.refusal() != Refusal::all_busy) co_return refused(lease.refusal());
        place.pass_on();
    }
    // Whose time ended before has not been turned away by the queue.
    if (longest <= timeout) co_return Lease(Refusal::queue_timeout);
    co_return refused(Refusal::queue_timeout);
}

}  // namespace berth::upstream

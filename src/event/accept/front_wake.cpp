// Waking fronts.
#include "event/accept/front_wake.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <bit>

namespace berth {

void FrontWakers::provide(unsigned fronts) {
    while (wakers_.size() < fronts) {
        FileDescriptor waker(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
        if (!waker) return;
        wakers_.push_back(std::move(waker));
    }
}

int FrontWakers::of(unsigned front) const noexcept {
    return front < wakers_.size() ? wakers_[front].get() : -1;
}

void FrontWakers::wake(std::uint64_t fronts) const noexcept {
    for (; fronts != 0; fronts &= fronts - 1) {
        const int waker = of(static_cast<unsigned>(std::countr_zero(fronts)));
        if (waker >= 0) ::eventfd_write(waker, 1);
    }
}

// An old front and its successor watch the same waker. An edge is seen by both, as long as nobody reads: the
// kernel would take the event back from who has not looked yet. Only epoll has edges of its own (epoll(7)).
FrontWake::FrontWake(EventLoop& loop, FrontBoard& board, unsigned front, int waker)
    : board_(board),
      me_(std::uint64_t{1} << front % 64),
      reads_(loop.poller().name() != "epoll"),
      watcher_(Callback<Readiness>::to<&FrontWake::on_ready>(*this), waker) {
    if (waker >= 0) static_cast<void>(loop.watch(watcher_, reads_ ? Trigger::level : Trigger::edge));
}

void FrontWake::ask(unsigned slot) noexcept {
    std::atomic<std::uint64_t>& asking = board_.places[slot].asking;
    if ((asking.load() & me_) == 0) asking |= me_;
}

void FrontWake::on_ready(Readiness) {
    eventfd_t times = 0;
    if (reads_) ::eventfd_read(watcher_.fd(), &times);
    for (const Callback<>& woken : woken_) woken();
}

}  // namespace berth

// How a front learns that a worker has taken a connection, while it has clients that wait for that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/system/file_descriptor.hpp"
#include "event/accept/front_board.hpp"
#include "event/loop.hpp"

namespace berth {

// An eventfd(2) for each front's slot. The master makes them before it forks, so that each process has those
// of all fronts that it may meet.
class FrontWakers {
 public:
    // So many there are from now on, at least. Where the system refuses, fronts look by themselves now and
    // then.
    void provide(unsigned fronts);
    // -1: there is none.
    int of(unsigned front) const noexcept;
    // In a worker that has taken a connection of the place's: wakes whoever asked for it. Nearly always
    // nobody has, and it costs nothing.
    void taken(FrontBoard::Place& place) const noexcept {
        if (place.asking.load() != 0) wake(place.asking.exchange(0));
    }

 private:
    void wake(std::uint64_t fronts) const noexcept;

    std::vector<FileDescriptor> wakers_;
};

// A front's end of it: one for all its listening sockets.
class FrontWake {
 public:
    // `waker` may be -1: then nobody is ever told.
    FrontWake(EventLoop& loop, FrontBoard& board, unsigned front, int waker);

    // `woken` is called whenever somebody has taken what was asked for; it outlives this.
    void add(Callback<> woken) { woken_.push_back(woken); }
    // The next connection that the worker in this slot takes is told. Look again afterwards: it may just have
    // taken one.
    void ask(unsigned slot) noexcept;

 private:
    void on_ready(Readiness);

    FrontBoard& board_;
    const std::uint64_t me_;
    const bool reads_;
    std::vector<Callback<>> woken_;
    Watcher watcher_;
};

}  // namespace berth

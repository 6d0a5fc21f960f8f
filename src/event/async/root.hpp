// Root: where a tree of coroutines begins, and how it ends.
#pragma once

#include <cassert>
#include <optional>

#include "event/async/async.hpp"
#include "event/loop.hpp"

namespace berth {

// Owns a root as a member of what the work is for (a request, an upstream attempt, a probe). Destroying the
// Root cancels the work; that must not happen from code that the work runs: whoever owns a Root dies by
// EventLoop::bury().
template <class T = void>
class Root {
 public:
    Root() noexcept = default;
    Root(const Root&) = delete;
    Root& operator=(const Root&) = delete;

    // Starts the work. True when it finished without waiting: then take() it, and `done` is not called.
    // Otherwise `done` is called once it has finished; it may start() the next work on this Root.
    bool start(Async<T> work, Continuation done) {
        assert(!running());
        work_.emplace(std::move(work));
        return work_->start(done);
    }

    bool running() const noexcept { return work_ && !work_->ready(); }
    T take() {
        Async<T> finished = std::move(*work_);
        work_.reset();
        return finished.take();
    }

    // Cancels at once; never from code that the work itself runs.
    void destroy() noexcept { work_.reset(); }

 private:
    std::optional<Async<T>> work_;
};

// Work nobody waits for: a scope with an arena of its own and the root that runs in it. It lives on the heap,
// buries itself when it has finished, and is the scope to start such work with:
//     Running& running = Running::open(loop, cycle);
//     running.start(refresh(running, key));
class Running final : public OwnScope, private Buried {
 public:
    // Must be followed by start(), or by cancel().
    static Running& open(EventLoop& loop, const Cycle* cycle = nullptr) { return *new Running(loop, cycle); }

    // `done` is called when the work finished by itself, not when it was cancelled; the Running is gone at
    // the end of that turn of the loop.
    void start(Async<void> work, Continuation done = Continuation());

    // The work stops at the end of this turn of the loop; allowed from inside the work too, and more than
    // once in a turn.
    void cancel() noexcept;

 private:
    Running(EventLoop& loop, const Cycle* cycle) noexcept : OwnScope(loop, cycle) {}
    ~Running() override = default;
    void finished();

    Continuation done_;
    bool buried_ = false;
    Root<void> root_;  // last: frames go before the arena they live in
};

}  // namespace berth

// What a coroutine can wait for besides another coroutine: time, events, permits, gates, two things at once.
//
// All are leaf awaiters: list nodes that unlink when they are destroyed, so that cancelling is destroying.
// They are named by the functions here and never stored. Whoever wakes a waiter does not run it: it runs
// later in the same turn, from the loop's own stack.
#pragma once

#include <coroutine>
#include <cstddef>
#include <optional>
#include <utility>
#include <variant>

#include "event/async/async.hpp"
#include "event/loop.hpp"

namespace berth {

// A suspended coroutine in a queue: first in the queue it waits in, then among the loop's posted tasks.
class Waiter : public Task {
 public:
    Waiter() noexcept : Task(Callback<>(&resume, this)) {}

    bool await_ready() const noexcept { return false; }

 protected:
    void suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }

    // Runs the coroutine; only from the loop's own stack.
    static void resume(void* self) {
        internal::trampoline(internal::resumption(static_cast<Waiter*>(self)->waiting_));
    }

 private:
    std::coroutine_handle<> waiting_;
};

// co_await sleep(scope, 10ms);
class Sleep {
 public:
    Sleep(EventLoop& loop, Duration time) noexcept
        : loop_(loop), time_(time), timer_(Callback<>(&resume, this)) {}
    Sleep(const Sleep&) = delete;
    Sleep& operator=(const Sleep&) = delete;

    bool await_ready() const noexcept { return time_ <= Duration::zero(); }
    bool await_suspend(std::coroutine_handle<> waiting) {
        waiting_ = waiting;
        timer_.start(loop_, time_);
        return true;
    }
    void await_resume() const noexcept {}

 private:
    static void resume(void* self) {
        internal::trampoline(internal::resumption(static_cast<Sleep*>(self)->waiting_));
    }

    EventLoop& loop_;
    Duration time_;
    std::coroutine_handle<> waiting_;
    Timer timer_;
};

inline Sleep sleep(Scope& scope, Duration time) noexcept { return Sleep(scope.loop(), time); }

// co_await yield(scope): lets everything else that is ready run first; goes on in the next turn of the loop
// at the latest.
class Yield : public Waiter {
 public:
    explicit Yield(EventLoop& loop) noexcept : loop_(loop) {}
    bool await_suspend(std::coroutine_handle<> waiting) {
        suspend(waiting);
        loop_.post(*this);
        return true;
    }
    void await_resume() const noexcept {}

 private:
    EventLoop& loop_;
};

inline Yield yield(Scope& scope) noexcept { return Yield(scope.loop()); }

// Something that happened, for all who wait for it and all who will; until reset().
class Event {
 public:
    explicit Event(EventLoop& loop) noexcept : loop_(loop) {}
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    void set() noexcept;
    void reset() noexcept { set_ = false; }
    bool is_set() const noexcept { return set_; }

    class Wait : public Waiter {
     public:
        explicit Wait(Event& event) noexcept : event_(event) {}
        bool await_ready() const noexcept { return event_.set_; }
        bool await_suspend(std::coroutine_handle<> waiting) noexcept {
            suspend(waiting);
            event_.waiters_.push_back(*this);
            return true;
        }
        void await_resume() const noexcept {}

     private:
        Event& event_;
    };
    // co_await event.wait();
    Wait wait() noexcept { return Wait(*this); }

 private:
    EventLoop& loop_;
    TaskList waiters_;
    bool set_ = false;
};

// Permits, given out in the order in which they were asked for.
class Semaphore {
 public:
    Semaphore(EventLoop& loop, std::size_t permits) noexcept : loop_(loop), permits_(permits) {}
    Semaphore(const Semaphore&) = delete;
    Semaphore& operator=(const Semaphore&) = delete;

    bool try_acquire() noexcept;
    void release() noexcept;  // gives one permit back, to the first in the queue if there is one
    std::size_t available() const noexcept { return permits_; }

    class Acquire : public Waiter {
     public:
        explicit Acquire(Semaphore& semaphore) noexcept : semaphore_(semaphore) {}
        ~Acquire();  // a permit that was given but not taken goes to the next
        bool await_ready() noexcept { return taken_ = semaphore_.try_acquire(); }
        bool await_suspend(std::coroutine_handle<> waiting) noexcept;
        void await_resume() noexcept { taken_ = true; }

     private:
        friend class Semaphore;
        Semaphore& semaphore_;
        bool given_ = false;
        bool taken_ = false;
    };
    // co_await semaphore.acquire(); what was acquired is the caller's to release().
    Acquire acquire() noexcept { return Acquire(*this); }

 private:
    EventLoop& loop_;
    TaskList waiters_;
    std::size_t permits_;
};

// Counts who is inside; once closed nobody gets in, and it can be waited for until all have left. How things
// drain.
class Gate {
 public:
    explicit Gate(EventLoop& loop) noexcept : empty_(loop) {}

    bool enter() noexcept;  // false when the gate is closed
    void leave() noexcept;
    void close() noexcept;
    bool closed() const noexcept { return closed_; }
    std::size_t inside() const noexcept { return inside_; }

    // co_await gate.drained(); until it is closed and empty.
    Event::Wait drained() noexcept { return empty_.wait(); }

 private:
    Event empty_;
    std::size_t inside_ = 0;
    bool closed_ = false;
};

namespace internal {
template <class T>
using Plain = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class T>
Plain<T> take(Async<T>& work) {
    if constexpr (std::is_void_v<T>) {
        return {};
    } else {
        return work.take();
    }
}
}  // namespace internal

// Starts both, and goes on when both have finished, with a std::pair of the values (std::monostate for void).
template <class A, class B>
class WhenBoth {
 public:
    WhenBoth(Async<A> first, Async<B> second) noexcept
        : first_(std::move(first)), second_(std::move(second)) {}
    WhenBoth(const WhenBoth&) = delete;
    WhenBoth& operator=(const WhenBoth&) = delete;

    bool await_ready() const noexcept { return first_.immediate() && second_.immediate(); }
    bool await_suspend(std::coroutine_handle<> waiting) noexcept {
        waiting_ = waiting;
        if (first_.start(Continuation(&finished, this))) --unfinished_;
        if (second_.start(Continuation(&finished, this))) --unfinished_;
        return unfinished_ > 0;
    }
    std::pair<internal::Plain<A>, internal::Plain<B>> await_resume() {
        return {internal::take(first_), internal::take(second_)};
    }

 private:
    static void finished(void* self) {
        auto& both = *static_cast<WhenBoth*>(self);
        if (--both.unfinished_ == 0) internal::continue_with = internal::resumption(both.waiting_);
    }

    Async<A> first_;
    Async<B> second_;
    std::coroutine_handle<> waiting_;
    int unfinished_ = 2;
};

// co_await when_both(std::move(up), std::move(down));
template <class A, class B>
WhenBoth<A, B> when_both(Async<A> first, Async<B> second) noexcept {
    return WhenBoth<A, B>(std::move(first), std::move(second));
}

// Waits for the work, but no longer than `time`: then the work is cancelled and there is no value.
template <class T>
class WithDeadline {
 public:
    WithDeadline(EventLoop& loop, Duration time, Async<T> work) noexcept
        : loop_(loop),
          time_(time),
          work_(std::in_place, std::move(work)),
          timer_(Callback<>(&expired, this)) {}
    WithDeadline(const WithDeadline&) = delete;
    WithDeadline& operator=(const WithDeadline&) = delete;

    bool await_ready() const noexcept { return work_->immediate(); }
    bool await_suspend(std::coroutine_handle<> waiting) {
        waiting_ = waiting;
        if (work_->start(Continuation(&finished, this))) return false;
        timer_.start(loop_, time_);
        return true;
    }
    std::optional<internal::Plain<T>> await_resume() {
        if (!work_ || !work_->ready()) return std::nullopt;
        return internal::take(*work_);
    }

 private:
    static void finished(void* self) {
        auto& deadline = *static_cast<WithDeadline*>(self);
        deadline.timer_.stop();
        internal::continue_with = internal::resumption(deadline.waiting_);
    }
    static void expired(void* self) {
        auto& deadline = *static_cast<WithDeadline*>(self);
        deadline.work_.reset();  // from the loop's stack: the work is suspended
        internal::trampoline(internal::resumption(deadline.waiting_));
    }

    EventLoop& loop_;
    Duration time_;
    std::optional<Async<T>> work_;
    std::coroutine_handle<> waiting_;
    Timer timer_;
};

// std::optional<T> v = co_await with_deadline(scope, 5s, std::move(work));
template <class T>
WithDeadline<T> with_deadline(Scope& scope, Duration time, Async<T> work) noexcept {
    return WithDeadline<T>(scope.loop(), time, std::move(work));
}

}  // namespace berth

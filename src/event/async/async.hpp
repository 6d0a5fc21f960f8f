// Async<T>: a value that is there already, or a coroutine that will make it.
//
// The fence (g++ 12 miscompiles what lies outside): one await a statement, its result named, its arguments
// simple:
//   co_await f(x);   T v = co_await f(x);   v = co_await f(x);   co_return co_await f(x);
// no braces, ?:, &&, lambda or condition in that statement. Coroutines are functions or members, never
// lambdas; their first parameter is a Scope (or what derives from it); the others are values, or references
// to what outlives the scope.
#pragma once

#include <concepts>
#include <coroutine>
#include <cstddef>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "event/async/scope.hpp"
#include "event/callback.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// g++ 12 takes an operator new that is a template for a stranger to the operator delete beside it, and says
// so at the end of every coroutine: this stays off to the end of whatever includes this.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace berth {

// What is to be run once something has finished.
using Continuation = Callback<>;

namespace internal {

// A coroutine that finishes does not call who waits for it: it leaves the continuation here, and the
// trampoline that resumed it runs that next, from a stack on which the finished coroutine is no more. So
// chains of any length of completions need no stack, also in unoptimised builds, and a frame is never
// destroyed from inside.
inline constinit thread_local Continuation continue_with;

inline void trampoline(Continuation next) {
    while (next) {
        next();
        next = std::exchange(continue_with, Continuation());
    }
}

inline Continuation resumption(std::coroutine_handle<> handle) noexcept {
    return Continuation([](void* frame) { std::coroutine_handle<>::from_address(frame).resume(); },
                        handle.address());
}

void* allocate_frame(Arena& arena, std::size_t size);
void free_frame(void* frame, std::size_t size) noexcept;

// By pointers, since the closure of a lambda coroutine is not complete where this is asked.
template <class T>
concept IsScope = std::is_convertible_v < std::remove_cvref_t<T>
*, const Scope* > ;

class PromiseBase {
 public:
    // The frame's arena is that of the first parameter that is a Scope: the first of a function, the first or
    // the second (after the object itself) of a member.
    template <IsScope S, class... Rest>
    static void* operator new(std::size_t size, const S& scope, const Rest&...) {
        return allocate_frame(scope.arena(), size);
    }
    template <class Object, IsScope S, class... Rest>
    requires(!IsScope<Object>) static void* operator new(std::size_t size, const Object&, const S& scope,
                                                         const Rest&...) {
        return allocate_frame(scope.arena(), size);
    }
    static void operator delete(void* frame, std::size_t size) noexcept { free_frame(frame, size); }

    struct FinalAwaiter {
        FinalAwaiter() noexcept {}
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        void await_suspend(std::coroutine_handle<Promise> frame) const noexcept {
            PromiseBase& promise = frame.promise();
            if (!promise.starting_) continue_with = promise.then_;
        }
        void await_resume() const noexcept {}
    };
    std::suspend_always initial_suspend() noexcept { return {}; }
    FinalAwaiter final_suspend() noexcept { return FinalAwaiter(); }
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

    // Runs the coroutine until it waits or has finished; true when it has finished, and `then` is not called.
    bool start(std::coroutine_handle<> frame, Continuation then) noexcept {
        then_ = then;
        starting_ = true;
        frame.resume();
        starting_ = false;
        return frame.done();
    }

 private:
    Continuation then_;
    bool starting_ = false;
};

template <class T>
class Promise;

// What Async<T> and Async<void> have in common: owning the frame.
template <class P>
class AsyncBase {
 public:
    AsyncBase(const AsyncBase&) = delete;
    AsyncBase& operator=(const AsyncBase&) = delete;

    // True when the value can be taken: it was ready, or the coroutine has finished.
    bool ready() const noexcept { return !frame_ || frame_.done(); }

    // True when there is no frame: a plain function answered at once.
    bool immediate() const noexcept { return !frame_; }

    // Starts the coroutine; true when it finished without waiting (`then` is not called). Otherwise `then`
    // runs once it has. Once only. `then` may destroy this Async.
    bool start(Continuation then) noexcept { return !frame_ || frame_.promise().start(frame_, then); }

    // An Async is its own awaiter. bool, not a handle: symmetric transfer overflows the stack of unoptimised
    // builds.
    bool await_ready() const noexcept { return !frame_; }
    bool await_suspend(std::coroutine_handle<> waiting) noexcept { return !start(resumption(waiting)); }

 protected:
    using Handle = std::coroutine_handle<P>;

    AsyncBase() noexcept = default;
    explicit AsyncBase(Handle frame) noexcept : frame_(frame) {}
    AsyncBase(AsyncBase&& other) noexcept : frame_(std::exchange(other.frame_, Handle())) {}
    AsyncBase& operator=(AsyncBase&& other) noexcept {
        if (this != &other) {
            destroy();
            frame_ = std::exchange(other.frame_, Handle());
        }
        return *this;
    }
    ~AsyncBase() { destroy(); }

    void destroy() noexcept {
        if (Handle frame = std::exchange(frame_, Handle())) frame.destroy();
    }

    Handle frame_{};
};

}  // namespace internal

// Lazily started: nothing runs before it is awaited (or given to a Root). Destroying it cancels it, with
// everything it waits for; never destroy it from code that it runs (see Root).
template <class T = void>
class [[nodiscard]] Async : public internal::AsyncBase<internal::Promise<T>> {
    using Base = internal::AsyncBase<internal::Promise<T>>;

 public:
    using promise_type = internal::Promise<T>;

    // A ready value: `return 200;`, `return Error("…");`. No frame, nothing is allocated.
    template <class U>
    requires(std::convertible_to<U&&, T> && !std::same_as<std::remove_cvref_t<U>, Async>) Async(U&& value)
        : value_(std::in_place, std::forward<U>(value)) {}

    Async(Async&&) noexcept = default;
    Async& operator=(Async&&) noexcept = default;

    // The value, once ready(). Once only.
    T take() { return this->frame_ ? this->frame_.promise().take() : std::move(*value_); }

    T await_resume() { return take(); }

 private:
    friend promise_type;
    explicit Async(typename Base::Handle frame) noexcept : Base(frame) {}

    std::optional<T> value_;
};

// `return {};` is "done already".
template <>
class [[nodiscard]] Async<void> : public internal::AsyncBase<internal::Promise<void>> {
    using Base = internal::AsyncBase<internal::Promise<void>>;

 public:
    using promise_type = internal::Promise<void>;

    Async() noexcept = default;
    Async(Async&&) noexcept = default;
    Async& operator=(Async&&) noexcept = default;

    void take() const noexcept {}
    void await_resume() const noexcept {}

 private:
    friend promise_type;
    explicit Async(Handle frame) noexcept : Base(frame) {}
};

namespace internal {

template <class T>
class Promise : public PromiseBase {
 public:
    Async<T> get_return_object() noexcept {
        return Async<T>(std::coroutine_handle<Promise>::from_promise(*this));
    }
    template <class U = T>
    requires std::convertible_to<U&&, T>
    void return_value(U&& value) { value_.emplace(std::forward<U>(value)); }
    T take() { return std::move(*value_); }

 private:
    std::optional<T> value_;
};

template <>
class Promise<void> : public PromiseBase {
 public:
    Async<void> get_return_object() noexcept;
    void return_void() noexcept {}
};

inline Async<void> Promise<void>::get_return_object() noexcept {
    return Async<void>(std::coroutine_handle<Promise>::from_promise(*this));
}

}  // namespace internal

}  // namespace berth

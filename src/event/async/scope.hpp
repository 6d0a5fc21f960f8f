// Scope: what every coroutine is given first: where its frame lives, on which loop it runs, under which
// configuration.
#pragma once

#include "core/memory/arena.hpp"

namespace berth {

class Cycle;
class EventLoop;

// A base class: a request is a Scope, and so is a probe, a resolver, the supervisor. It must outlive every
// coroutine that was started with it, and the arena must outlive the scope's coroutines; nothing here is
// owned.
class Scope {
 public:
    Scope(EventLoop& loop, Arena& arena, const Cycle* cycle = nullptr) noexcept
        : loop_(&loop), arena_(&arena), cycle_(cycle) {}
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

    EventLoop& loop() const noexcept { return *loop_; }
    Arena& arena() const noexcept { return *arena_; }
    const Cycle* cycle() const noexcept {
        return cycle_;
    }  // null in what runs under no configuration (tests, tools)

 protected:
    ~Scope() = default;
    void set_cycle(const Cycle* cycle) noexcept { cycle_ = cycle; }

 private:
    EventLoop* loop_;
    Arena* arena_;
    const Cycle* cycle_;
};

namespace internal {
struct OwnArena {
    Arena own_arena;
};
}  // namespace internal

// A scope with an arena of its own.
class OwnScope : private internal::OwnArena, public Scope {
 public:
    explicit OwnScope(EventLoop& loop, const Cycle* cycle = nullptr) noexcept
        : Scope(loop, own_arena, cycle) {}
    ~OwnScope() = default;
};

}  // namespace berth

// EventLoop: the one thread's turn: what is ready, what is due, what was posted, what is to be buried.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "core/memory/intrusive_list.hpp"
#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"
#include "core/time/clock.hpp"
#include "event/callback.hpp"
#include "event/poller/poller.hpp"
#include "event/timer.hpp"
#include "event/watcher.hpp"

namespace berth {

// Something to do soon. Intrusive: the destructor takes it out of the loop. What it runs may destroy it, or
// post it again.
class Task {
 public:
    explicit Task(Callback<> run) noexcept : run_(run) {}

    bool posted() const noexcept { return hook_.linked(); }
    void cancel() noexcept { hook_.unlink(); }

 private:
    friend class EventLoop;
    Callback<> run_;
    ListHook hook_;

 public:
    using List = IntrusiveList<Task, &Task::hook_>;
};
using TaskList = Task::List;

// Something to be destroyed, but not now: from where it is called it may still be in use.
class Buried {
 public:
    Buried() = default;
    Buried(const Buried&) = delete;
    Buried& operator=(const Buried&) = delete;
    virtual ~Buried() = default;

 protected:
    // What burying means for it; by default `delete`. It lives elsewhere than on the heap when it overrides
    // this.
    virtual void dispose() noexcept { delete this; }

 private:
    friend class EventLoop;
    Buried* next_buried_ = nullptr;
};

// What another thread has for the loop. It must exist until run() is called on the loop's thread; a loop that
// is destroyed first calls abandoned() instead, so that its owner can free it.
class RemoteTask {
 public:
    RemoteTask() = default;
    RemoteTask(const RemoteTask&) = delete;
    RemoteTask& operator=(const RemoteTask&) = delete;

 protected:
    virtual ~RemoteTask() = default;
    virtual void run() = 0;  // may destroy it
    virtual void abandoned() noexcept = 0;

 private:
    friend class EventLoop;
    RemoteTask* next_remote_ = nullptr;
};

// Is told before the loop waits, and of what it woke up for before that is delivered.
class LoopObserver {
 public:
    virtual void before_wait() = 0;
    virtual void after_wait(std::span<const ReadyEvent> ready) = 0;

 protected:
    ~LoopObserver() = default;
};

// One thread, one loop. A turn is, in this order: wait for descriptors; deliver what is ready; fire timers;
// run posted tasks; bury. Only post_from_thread() may be called from another thread.
class EventLoop {
 public:
    struct Counters {
        std::uint64_t turns = 0;
        std::uint64_t events = 0;
        std::uint64_t empty_wakeups = 0;  // the wait ended with nothing ready, nothing due, nothing posted
    };

    // `poller` as for make_poller().
    static Result<std::unique_ptr<EventLoop>> create(std::string_view poller = {});

    EventLoop(const EventLoop&) = delete;
    EventLoop& operator=(const EventLoop&) = delete;
    // Buries what is left, and ends all watches. Coroutines must be gone before.
    ~EventLoop();

    // Times are read once a turn, after the wait. wall() is this thread's wall_clock().
    TimePoint now() const noexcept { return now_; }
    const WallClock& wall() const noexcept { return wall_; }
    std::uint64_t now_us() const noexcept { return now_us_; }  // of monotonic_us()
    // Reads the clocks now: after something long, before deadlines are set.
    void update_time() noexcept;

    // Watches watcher.fd(). Fails with the poller's error (EPERM: a regular file cannot be watched).
    Result<void> watch(Watcher& watcher, Trigger trigger = Trigger::edge);
    void unwatch(Watcher& watcher) noexcept;
    void unwatch_closing(Watcher& watcher) noexcept;
    void watch_writes(Watcher& watcher) noexcept;

    // Runs it later in this turn, in two rounds, each with its burial: what is posted in the first is run in
    // the second, what is posted in that in the next turn, which then does not wait. Posting what is posted
    // already changes nothing.
    void post(Task& task) noexcept {
        if (!task.posted()) posted_.push_back(task);
    }

    // Thread-safe: runs it in the next turn, waking the loop.
    void post_from_thread(RemoteTask& task) noexcept;

    // Destroys it at the end of this turn, in the order of burial: the only way that anything dies which may
    // be on the stack. Once only for each. What destructors bury goes at the end of the next turn.
    void bury(Buried& buried) noexcept;

    // There is one at most; null: none. It must leave before it dies.
    void observe(LoopObserver* observer) noexcept { observer_ = observer; }

    // Runs turns until stop().
    void run();
    // Runs one turn, waiting at most `longest` (negative: as long as it takes).
    void run_once(Duration longest = Duration(-1));
    // Ends run() after the current turn.
    void stop() noexcept { stopping_ = true; }

    // Something is left to do: the next wait will be none.
    bool busy() const noexcept { return !posted_.empty() || first_buried_ != nullptr; }

    // Outside of a turn only: runs what is posted and buries, until nothing is left to bury. For destructors
    // of what closes things on this loop.
    void settle() noexcept;

    // In a forked child, on the loop it was born with: forgets everything without touching the kernel objects
    // that it shares with its parent, closes the poller, and leaves a loop that only destruction is good for.
    void abandon_after_fork() noexcept;

    const Counters& counters() const noexcept { return counters_; }
    const Poller& poller() const noexcept { return *poller_; }
    TimerQueue& timers() noexcept { return timers_; }

 private:
    static constexpr std::size_t kBatch = 512;

    // Who is watched under a descriptor, and which watch of it this is.
    struct Slot {
        Watcher* watcher = nullptr;
        std::uint32_t ticket = 0;
    };

    EventLoop(std::unique_ptr<Poller> poller, FileDescriptor wakeup);
    Duration timeout(Duration longest) const noexcept;
    void deliver(const ReadyEvent& event);
    std::size_t run_posted();
    void run_remote(Readiness);
    void bury_batch() noexcept;
    void forget_watchers() noexcept;

    std::unique_ptr<Poller> poller_;
    TimePoint now_;
    std::uint64_t now_us_ = 0;
    WallClock& wall_;
    TimerQueue timers_;
    TaskList posted_;
    Buried* first_buried_ = nullptr;
    Buried* last_buried_ = nullptr;
    std::vector<Slot> slots_;  // by descriptor
    std::unique_ptr<ReadyEvent[]> ready_;
    Counters counters_;
    LoopObserver* observer_ = nullptr;
    bool stopping_ = false;
    FileDescriptor wakeup_;
    Watcher wakeup_watcher_;
    std::atomic<RemoteTask*> remote_{nullptr};  // last posted first
};

inline void Timer::start_at(EventLoop& loop, TimePoint deadline) { loop.timers().set(*this, deadline); }
inline void Timer::start(EventLoop& loop, Duration after) { start_at(loop, loop.now() + after); }

}  // namespace berth

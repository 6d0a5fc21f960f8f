// Watcher: a descriptor that a loop watches, and who is told when it is ready.
#pragma once

#include <cstdint>

#include "event/callback.hpp"

namespace berth {

class EventLoop;

// What a descriptor is ready for. An error or a hang-up (EPOLLERR, EPOLLHUP) makes it both readable and
// writable, so that the next call on it tells; `peer_closed` (EPOLLRDHUP) says that the peer sent its end,
// data may stand before it.
struct Readiness {
    bool readable = false;
    bool writable = false;
    bool peer_closed = false;
    bool error = false;
};

// edge: told once for each time the descriptor becomes readable; read until it would block, then call
// rearm_read(),
//   after which it is told again. Of writability nothing is said before rearm_write() is called, which is
//   after a write that would have blocked (or to learn that a connect(2) ended). Registered once; the first
//   rearm_write() adds the interest in writing, so that connections whose answers fit the socket's buffer
//   never wake for it (epoll(7)).
// level: told in every turn while it is readable; never about writing. For listening sockets, signalfd,
// pidfd, eventfd. level_exclusive: as level, and of several processes watching one socket only some are woken
// (EPOLLEXCLUSIVE).
enum class Trigger : std::uint8_t { edge, level, level_exclusive };

// Intrusive: a member of whatever watches. The destructor ends the watch; so must whoever closes the
// descriptor *before* closing it. The descriptor is not owned. The callback may end this watch or any other,
// and destroy the watcher: events already fetched for a watcher that left are not delivered.
class Watcher {
 public:
    explicit Watcher(Callback<Readiness> ready, int fd = -1) noexcept : ready_(ready), fd_(fd) {}
    Watcher(const Watcher&) = delete;
    Watcher& operator=(const Watcher&) = delete;
    ~Watcher() { unwatch(); }

    int fd() const noexcept { return fd_; }
    void set_fd(int fd) noexcept { fd_ = fd; }  // only while it is not watched
    bool watched() const noexcept { return loop_ != nullptr; }
    Trigger trigger() const noexcept { return trigger_; }

    // Ends the watch; harmless when there is none.
    void unwatch() noexcept;
    // The same for a descriptor that is closed next and that no other process holds: the kernel forgets it by
    // itself, which saves a system call.
    void unwatch_closing() noexcept;

    // "The last read (write) said EAGAIN": only after it is readability (writability) reported again.
    void rearm_read() noexcept { wants_read_ = true; }
    void rearm_write() noexcept {
        wants_write_ = true;
        if (!writes_watched_) watch_writes();
    }

    // For pollers without edges of their own: what to poll for, and what has been reported.
    bool wants_read() const noexcept { return wants_read_; }
    bool wants_write() const noexcept { return wants_write_; }
    void reported(bool read, bool write) noexcept {
        if (read) wants_read_ = false;
        if (write) wants_write_ = false;
    }

 private:
    friend class EventLoop;
    void watch_writes() noexcept;

    Callback<Readiness> ready_;
    EventLoop* loop_ = nullptr;
    int fd_;
    Trigger trigger_ = Trigger::edge;
    bool wants_read_ = false;
    bool wants_write_ = false;
    bool writes_watched_ = false;
};

}  // namespace berth

// Poller: the seam to the kernel's readiness interfaces. One per loop; chosen by the `use` directive.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "core/result.hpp"
#include "event/timer.hpp"
#include "event/watcher.hpp"

namespace berth {

// A descriptor that is ready. `ticket` is what it was added with: the loop's proof that the event is not
// stale.
struct ReadyEvent {
    int fd = -1;
    std::uint32_t ticket = 0;
    Readiness readiness;
};

class Poller {
 public:
    virtual ~Poller() = default;

    virtual std::string_view name() const noexcept = 0;

    // Starts reporting watcher.fd() by the contract of watcher.trigger(). The watcher must stay until
    // remove().
    virtual Result<void> add(Watcher& watcher, std::uint32_t ticket) = 0;

    // Of an edge watcher: from now on writability is reported, too.
    virtual void watch_writes(Watcher& watcher, std::uint32_t ticket) noexcept = 0;

    // Ends the reports. The descriptor must still be open.
    virtual void remove(Watcher& watcher) noexcept = 0;
    // The same for a descriptor that is closed next. Should another process hold the socket for a moment
    // longer, its events are stale ones, which the loop knows by their ticket.
    virtual void forget(Watcher& watcher) noexcept = 0;

    // Waits until something is ready, at most `timeout` (negative: for ever), and fills `out`; returns how
    // many were filled. A signal (EINTR) is 0 events. Errors of the kernel interface itself are bugs and end
    // the process.
    virtual std::size_t wait(std::span<ReadyEvent> out, Duration timeout) = 0;
};

// "epoll" (Linux; the default, also for an empty name) or "poll" (poll(2), portable, O(descriptors) a turn).
// An unknown name is an error that lists the known ones.
Result<std::unique_ptr<Poller>> make_poller(std::string_view name);

Result<std::unique_ptr<Poller>> make_epoll_poller();
Result<std::unique_ptr<Poller>> make_poll_poller();

}  // namespace berth

// strategy=reuseport: each slot has a socket of its own at the same address, and the kernel chooses by the
// client's address and port (SO_REUSEPORT, socket(7)).
//
// The sockets are the master's (ListenerSet::Item::group), since what waits in one that is closed is reset.
// Each has a watcher at any time: the worker of its slot; where there is none (fewer workers than before, or
// one that waits for the end of its back-off, or another strategy by now) a living worker is lent it by the
// master. Two watchers for a moment are harmless. What waits in the socket of a worker that is stopped or
// busy stays there: nobody else looks at it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "event/accept/accept_master.hpp"
#include "event/accept/accept_strategy.hpp"

namespace berth {

// The worker's part for its own socket, which there must be.
std::unique_ptr<AcceptStrategy> make_reuseport_strategy(Worker& worker, ListenerSet::Item& item,
                                                        ListenerCounters& counters);

// "INDEX SLOT" of a `watch` message.
struct GroupPlace {
    std::size_t item = 0;  // ListenerSet::Item::index
    unsigned slot = 0;
    bool operator==(const GroupPlace&) const = default;

    std::string to_text() const;
    static bool parse(std::string_view text, GroupPlace& into);
};

// In a worker: sockets of other slots that it has been lent.
class LentSockets {
 public:
    // Both outlive it.
    LentSockets(Worker& worker, ListenerSet& listeners) noexcept;
    LentSockets(const LentSockets&) = delete;
    LentSockets& operator=(const LentSockets&) = delete;
    ~LentSockets();

    // A `watch` message: with a descriptor one more, without it is given back. One that was lost on the way,
    // or that this worker has nothing to serve with, is answered with the same message.
    void take(Message& message);
    void nudge();
    // No longer watched; nudge() still looks at them. Then they are given back.
    void pause() noexcept;
    void clear() noexcept;
    std::size_t size() const noexcept { return sockets_.size(); }

 private:
    struct Lent;
    void let_go(const GroupPlace& place);

    Worker& worker_;
    ListenerSet& listeners_;
    std::vector<std::unique_ptr<Lent>> sockets_;
};

// The master's part: lends sockets and takes them back.
std::unique_ptr<AcceptMaster> make_reuseport_master(EventLoop& loop, Workers& workers,
                                                    ListenerSet& listeners);

}  // namespace berth

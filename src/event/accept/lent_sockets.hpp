// LentSockets: who looks at a listening socket that belongs to a slot, while no worker is there to do it.
//
// Two strategies give each slot sockets of its own: reuseport, where the kernel spreads clients over them,
// and proxy, where fronts bring connections to each worker's own address. They are the master's
// (ListenerSet::Item::group and privates), since what waits in one that is closed is reset. Each has a
// watcher at any time: the worker of its slot; where there is none (fewer workers than before, or one that
// waits for the end of its back-off, or a configuration that has other addresses or another strategy) a
// living worker is lent it by the master. So is that of a worker which says that it cannot accept for the
// moment. Two watchers are harmless. What waits in the socket of a worker that is stopped or busy stays
// there: nobody else looks at it. And what a new binary opened for slots that the one before it did not have
// is its alone: if it dies during the upgrade, the system resets what waits there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/accept/accept_master.hpp"
#include "event/accept/accept_strategy.hpp"

namespace berth {

// Names such a socket: "INDEX SLOT DOOR" of a `watch` message.
struct SocketPlace {
    std::size_t item = 0;  // ListenerSet::Item::index
    unsigned slot = 0;
    std::uint32_t door = 0;  // SlotSocket::door; 0: clients come to it themselves
    bool operator==(const SocketPlace&) const = default;

    std::string to_text() const;
    static bool parse(std::string_view text, SocketPlace& into);
};

// In a worker: sockets of slots that it has been lent.
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
    void let_go(const SocketPlace& place);

    Worker& worker_;
    ListenerSet& listeners_;
    std::vector<std::unique_ptr<Lent>> sockets_;
};

// The master's part: lends sockets and takes them back. All outlive it.
std::unique_ptr<AcceptMaster> make_lending_master(EventLoop& loop, Workers& workers, ListenerSet& listeners);

}  // namespace berth

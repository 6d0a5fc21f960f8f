// AcceptStrategy: how one worker gets its share of the connections of one listening socket.
#pragma once

#include <cstdint>
#include <memory>

#include "event/listener.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

class Worker;
struct Message;

// One object for each listener of a worker; its counterpart in the master is an AcceptMaster. Everything is
// called on the worker's loop. Destroying it ends accepting.
class AcceptStrategy {
 public:
    virtual ~AcceptStrategy() = default;

    // Begins to accept, at once or as soon as the system lets it.
    virtual void arm() = 0;
    // Stops for a while, and goes on: connections wait in the kernel's backlog or with other workers.
    virtual void pause() noexcept = 0;
    virtual void resume() noexcept = 0;
    // Something may be waiting that the kernel told nobody about: look.
    virtual void nudge() = 0;
    // After pause(), in a worker that leaves: connections are on their way that nobody else can take; nudge()
    // it until there are none.
    virtual bool expects() const { return false; }
    // A message of the master's that the worker does not know itself; false when it is not for this listener.
    virtual bool take(Message&) { return false; }
};

// The strategy of `entry`, which has `socket` to accept from: the item's own, or that of the worker's slot.
// Without a master (master_process off) everything is shared, with nobody.
std::unique_ptr<AcceptStrategy> make_accept_strategy(Worker& worker, const Listening::Entry& entry,
                                                     ListenerSet::Item& item, const Listener& socket);

// strategy=handoff: the master accepts, Worker::handoff() takes.
std::unique_ptr<AcceptStrategy> make_handoff_strategy(Worker& worker, ListenerSet::Item& item,
                                                      ListenerCounters& counters);

// Whom a connection wakes, of the workers that share a socket: all of them; one (EPOLLEXCLUSIVE; with a
// poller that has no such thing, all); the one whose turn it is to watch.
enum class Waking : std::uint8_t { all, one, in_turn };

// Makes sessions in the place of the listener, where there is `open`; says how many nudge() may accept, where
// there is `room` (else all that a backlog usually holds).
struct SessionOpener {
    Listener::OpenSession open = nullptr;
    void* user = nullptr;
    unsigned (*room)(void* user) = nullptr;
};

// strategy=shared: all workers watch `socket`, which need not be the listener's own. It is closed by the
// caller, afterwards.
std::unique_ptr<AcceptStrategy> make_shared_strategy(Worker& worker, Listener& listener, int socket,
                                                     ListenerCounters& counters, Waking waking,
                                                     SessionOpener opener = {});
// As accept_mutex says.
Waking waking_of(const Worker& worker);

}  // namespace berth

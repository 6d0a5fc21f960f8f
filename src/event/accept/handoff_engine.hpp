// HandoffEngine: accepts on listening sockets and passes each connection to one of several targets.
#pragma once

#include <deque>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "core/log/log.hpp"
#include "core/net/address.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/accept/accept_batch.hpp"
#include "event/accept/balance.hpp"
#include "event/loop.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

class HandoffEngine;
class HandoffListener;

// A connection that was accepted for others. Its descriptor is kept until somebody has taken it.
struct HandedConnection {
    FileDescriptor fd;
    Address peer;
    HandoffListener* listener = nullptr;
    std::uint64_t ticket = 0;  // of its target: 1, 2, 3 …, beginning after HandoffTarget::first_ticket
    TimePoint since{};         // accepted, or given back
};

// Somebody who can be given connections: a worker, an instance of an application. Owned by whoever has the
// engine, and destroyed only after HandoffEngine::ended().
class HandoffTarget {
 public:
    explicit HandoffTarget(std::uint64_t slot) noexcept : slot_(slot) {}
    HandoffTarget(const HandoffTarget&) = delete;
    HandoffTarget& operator=(const HandoffTarget&) = delete;
    virtual ~HandoffTarget() = default;

    std::uint64_t slot() const noexcept { return slot_; }
    // Connections that it was given and has said nothing about.
    std::size_t undecided() const noexcept { return undecided_.size(); }

 protected:
    friend class HandoffEngine;

    // Sends it the connections, of each of which it gets a descriptor of its own, in the order of their
    // tickets. Returns how many, counted from the first; the others, which cannot be sent now or ever, stay
    // with the engine and get other tickets.
    virtual std::size_t send(std::span<const HandedConnection* const> connections) = 0;
    // It takes no connection now, and will call HandoffEngine::look() when it does again.
    virtual bool full() const noexcept { return false; }
    // Connections of all listeners that it has open; asked by least_conn.
    virtual std::uint64_t open() const noexcept { return 0; }
    // Calls HandoffEngine::decided() for what it has decided meanwhile, in the order of the tickets, if that
    // is not told in another way.
    virtual void collect(HandoffEngine&) {}
    // The engine will be told nothing while it sleeps unless this asks for it: HandoffEngine::look() is
    // called at the next decision. True when there is one already, that collect() gives.
    virtual bool ask_for_decision() { return false; }
    // Who refused a connection, or died with it undecided: it went to another one.
    virtual void count_redistributed(HandoffListener&) {}

 private:
    std::uint64_t slot_;
    std::uint64_t last_ticket_ = 0;
    std::deque<HandedConnection> undecided_;
    std::size_t unsent_ = 0;    // the last of them: they go together, at the end of the engine's work
    bool passed_over_ = false;  // somebody behind it in the order got a connection, as it had no room
    bool left_ = false;
    ListHook busy_;

 protected:
    // Tickets begin after this one.
    void first_ticket(std::uint64_t ticket) noexcept { last_ticket_ = ticket; }
};

// A listening socket of an engine.
class HandoffListener {
 public:
    HandoffListener(HandoffEngine& engine, int fd, std::size_t index, std::string name,
                    ListenerCounters& counters);
    HandoffListener(const HandoffListener&) = delete;
    HandoffListener& operator=(const HandoffListener&) = delete;

    // What its owner knows it by.
    std::size_t index() const noexcept { return index_; }
    int fd() const noexcept { return watcher_.fd(); }
    ListenerCounters& counters() noexcept { return counters_; }
    std::size_t waiting() const noexcept { return queue_.size(); }
    std::size_t members() const noexcept { return members_.size(); }
    // True once no target came within Limits::hold: what is accepted is closed and counted.
    bool rejecting() const noexcept { return rejecting_; }

 private:
    friend class HandoffEngine;
    void on_ready(Readiness);
    void on_hold_over();
    void count_descriptors() noexcept;

    HandoffEngine& engine_;
    std::size_t index_;
    std::string name_;
    ListenerCounters& counters_;
    Balancer balancer_{AcceptBalance::round_robin};
    std::vector<HandoffTarget*> members_;  // who was given a connection the longest ago is the first
    std::deque<HandedConnection> queue_;
    std::size_t undecided_ = 0;  // of its connections, with targets
    std::size_t counted_ = 0;    // of its descriptors, in counters_, where other listeners may count as well
    bool ready_ = false;         // something may wait in the backlog
    bool woken_ = false;         // because the system said so
    bool accepting_ = true;
    bool rejecting_ = false;
    bool closed_ = false;
    AcceptBatch batch_;
    Watcher watcher_;
    Timer hold_;
};

// The rules (DESIGN: handoff): a target has at most `window` undecided connections. The engine accepts while
// one of a listener's targets has room, and `queue` connections beyond that; the rest waits in the kernel. A
// connection that is refused, or whose target ends before it has decided, goes to another one. It reads
// nothing. While there is no target at all, nothing is accepted for `hold`; then everything is, closed and
// counted (dropped).
//
// What is chosen for a target in one go is sent to it in one go. A descriptor of what has been taken is
// closed when the engine next looks, kTidy after it went at the latest: for this alone nobody is woken,
// except by a target that has not decided by then.
//
// Runs in any process that has a loop. Everything is called on it; the work is done in a task at the end of
// the turn, so that several changes in a turn are one to it.
class HandoffEngine {
 public:
    struct Limits {
        std::size_t window = 1;
        std::size_t queue = 64;
        Duration hold{10'000};
        // Descriptors from this number on are for other things than connections.
        int descriptors = 1 << 30;
    };

    static constexpr Duration kTidy{10};

    explicit HandoffEngine(EventLoop& loop);
    HandoffEngine(const HandoffEngine&) = delete;
    HandoffEngine& operator=(const HandoffEngine&) = delete;
    ~HandoffEngine();

    // `log` outlives the engine, or the next configure().
    void configure(const Limits& limits, Log& log);

    // Begins to accept on `fd`, which stays the caller's and open until close(). `name` is for the log.
    HandoffListener& open(int fd, std::size_t index, std::string name, ListenerCounters& counters);
    void balance(HandoffListener& listener, AcceptBalance how);
    // Whether it accepts, as it does at first. While it does not, because others accept on its socket, what
    // it has accepted already goes to its targets all the same.
    void accept(HandoffListener& listener, bool accepts);
    // Accepts no more. What waits goes to the targets it still has, whatever their window; without any it is
    // closed and counted. The listener may not be used after this call.
    void close(HandoffListener& listener);

    // `target` serves `listener` from now on. Harmless when it does already.
    void join(HandoffListener& listener, HandoffTarget& target);
    // It no longer serves that one.
    void leave(HandoffListener& listener, HandoffTarget& target);
    // It gets no more connections; of those it was given its decision is still waited for. The last one to
    // leave a listener is given all that waits, whatever its window: it is the last who can serve it.
    void leave(HandoffTarget& target);
    // It is gone. What it had not decided goes to others, and it is not touched again.
    void ended(HandoffTarget& target);

    // The target's decision: taken, or refused. Of an unknown ticket: ignored.
    void decided(HandoffTarget& target, std::uint64_t ticket, bool taken);
    // Something may have changed: a decision, room where there was none.
    void look() { loop_.post(work_); }

    // Nobody is there, and that is as it should be: without a target, connections wait in the kernel until
    // one joins, for as long as it takes. Another process may be serving them.
    void rest();
    // Connections that it has accepted are undecided, or nobody is there for them.
    bool waiting() const noexcept;
    // The end: nothing is accepted any more. What waits goes to the targets that have not left yet, whatever
    // their window; without any it is closed and counted.
    void close_all();
    // In a forked child: closes the connections, of which it has copies.
    void abandon() noexcept;

    EventLoop& loop() const noexcept { return loop_; }

 private:
    friend class HandoffListener;
    using Busy = IntrusiveList<HandoffTarget, &HandoffTarget::busy_>;

    bool has_room(const HandoffTarget& target) const noexcept;
    bool has_room(const HandoffListener& listener) const noexcept;
    HandoffTarget* choose(HandoffListener& listener, const HandedConnection& connection);
    HandoffTarget* choose_by_address(HandoffListener& listener, const HandedConnection& connection);
    void give(HandedConnection connection, HandoffTarget& target);
    bool send(HandoffTarget& target);
    template <class What>
    void for_each_busy(What what);
    bool may_overtake(const HandoffListener& listener) const noexcept;
    void place_waiting(HandoffListener& listener);
    void accept_some(HandoffListener& listener);
    bool accept_one(HandoffListener& listener);
    bool accept_failed(HandoffListener& listener, int error_number);
    void take_in(HandoffListener& listener, FileDescriptor fd, Address peer);
    void give_back(HandedConnection connection, HandoffTarget& from);
    void watch(HandoffListener& listener);
    void pause_accepting();
    void without_members(HandoffListener& listener);
    void push_all(HandoffListener& listener, std::vector<HandoffTarget*> members);
    void drop_waiting(HandoffListener& listener, std::string_view why);
    void to_the_end(HandoffListener& listener, HandoffTarget& target);
    void collect();
    bool somebody_waits() const noexcept;
    void ask_for_decisions();
    void tidy_soon();
    void on_tidy();
    void forget_closed();
    void work();
    void on_again();

    EventLoop& loop_;
    Limits limits_;
    Log* log_ = nullptr;
    std::list<std::unique_ptr<HandoffListener>> listeners_;
    Busy busy_;                         // targets with something undecided
    std::vector<HandoffTarget*> able_;  // of choose(), kept for their memory
    std::vector<Balancer::Candidate> candidates_;
    std::vector<const HandedConnection*> sending_;  // of send(), likewise
    bool paused_ = false;                           // out of descriptors or memory
    bool resting_ = false;
    bool ending_ = false;
    Task work_;
    Timer again_;
    Timer tidy_;
};

}  // namespace berth

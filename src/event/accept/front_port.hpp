// FrontPort: a front's listening socket: which worker is next, and who waits for one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "core/memory/intrusive_list.hpp"
#include "event/accept/balance.hpp"
#include "event/accept/front_board.hpp"
#include "event/connection.hpp"
#include "event/events_module.hpp"
#include "event/listening.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/worker.hpp"
#include "event/relay.hpp"

namespace berth {

class AcceptStrategy;

// A client's connection that waits for a worker, or can. Its owner keeps it; it leaves by itself.
struct FrontWaiter {
    explicit FrontWaiter(Callback<> retry) noexcept : try_again(retry) {}
    Callback<> try_again;
    ListHook hook;
    bool waits = false;
};

// What a front knows of one listening socket and of the workers behind it. Kept as long as the front.
//
// No worker is given more than handoff_window connections that it has not taken (FrontBoard::Place). When all
// have that many, clients wait here, in their order, and no more than handoff_queue of them: then nothing is
// accepted. So it is, too, while one waits because there is no descriptor for the way to its worker: what
// gets free is for those that were accepted.
//
// The addresses of slots are those of the front's own configuration, and only slots that it has sockets for:
// behind other numbers there may be anybody, and other configurations may have more workers.
class FrontPort final : public Buried {
 public:
    // One slot of workers.
    struct Slot {
        Address address;
        ListenerCounters& counters;
        std::uint64_t open = 0;    // relayed to it by this front
        std::uint64_t absent = 0;  // the worker that was not there: its slot is of other configurations
        bool failing = false;      // the last attempt failed, and the log says so
        std::uint32_t taken = 0;   // of the place, as it was when it was looked at last
        TimePoint looked{};        // when that was
        TimePoint moved{};         // when it had room last, or had taken another one

        void linked() noexcept;
        void unlinked() noexcept;
        static void on_ended(void* self, RelayEnd) { static_cast<Slot*>(self)->unlinked(); }
    };
    // `somebody`: there are workers that can be reached, but none of them may be given a connection now.
    struct Choice {
        std::optional<unsigned> slot;
        bool somebody = false;
    };

    // `item` is the entry's.
    FrontPort(Worker& front, const Listening::Entry& entry, const ListenerSet::Item& item);

    Worker& front() noexcept { return front_; }
    FrontBoard& board() noexcept { return front_.scoreboard().fronts(); }
    ListenerCounters& counters() noexcept { return counters_; }
    const EventsConf& conf() const { return front_.cycle().conf<EventsConf>(); }
    Duration idle_time() const;
    Slot& slot(unsigned number) noexcept { return slots_[number]; }
    bool over_tcp() const noexcept { return !slots_.empty() && !slots_.front().address.is_unix(); }
    Address local_of(Connection& client) const;

    // A slot whose worker may be given this client's connection, none of `but`; it is the last one for the
    // next choice.
    Choice choose(const Address& client, const std::vector<unsigned>& but);
    // Counts it as offered to the slot's worker; false when that has no room any more.
    bool offer(unsigned slot) noexcept;
    // This worker, which the slot had, could not be connected to. True when it is there, but takes no more.
    bool failed(unsigned slot, std::uint64_t worker, int error_number);

    // Others wait already: a client that has just come goes behind them.
    bool somebody_waits() const noexcept { return waiting_ > 0; }
    // The client waits: its try_again() is called when there may be a worker for it. `first`: before the
    // others. One that waits already stays where it is.
    void hold(FrontWaiter& waiter, bool first);
    // Those that wait are placed, if they can be: later in this turn.
    void look_again() noexcept;
    // It waits no more.
    void release(FrontWaiter& waiter) noexcept;
    // One that waits is closed: when all connections are.
    void lost();
    // There is no descriptor, or what else is_shortage() means, for a connection to any worker; who needs it
    // is to be held.
    void short_of(int error_number);
    // So it is said, in the log, once until nobody waits any more.
    void say_short(int error_number);
    // How many more may be accepted now, so that no more than handoff_queue wait. A front that leaves takes
    // all that come, as long as it can bring them to workers.
    std::size_t room() noexcept;
    // Who accepts for this port; null: nobody any more.
    void accepts_with(AcceptStrategy* acceptor) noexcept { acceptor_ = acceptor; }

    unsigned unplaced = 0;  // accepted, but not yet on the way to a worker

 private:
    using Waiters = IntrusiveList<FrontWaiter, &FrontWaiter::hook>;

    bool by_address() const noexcept { return balancer_.kind() == AcceptBalance::ip_hash; }
    void learn_slots();
    bool has_address(unsigned slot) noexcept;
    bool is_served(unsigned slot) noexcept;
    bool is_strict() noexcept;
    std::uint32_t own_window() noexcept;
    std::uint32_t window() noexcept;
    bool is_stuck(unsigned slot, std::uint32_t most) noexcept;
    void on_retry();
    void place_waiting();
    void ask() noexcept;
    std::size_t most_waiting() const noexcept;
    bool overfull() const noexcept;
    void regulate() noexcept;

    Worker& front_;
    const Listening::Entry& entry_;
    Listener& listener_;
    const std::size_t index_;
    ListenerCounters& counters_;
    Balancer balancer_;
    const unsigned workers_;  // of its configuration
    AcceptStrategy* acceptor_ = nullptr;
    std::deque<Slot> slots_;
    std::vector<unsigned> order_;  // of slots: who was given a connection longest ago comes first
    std::vector<Balancer::Candidate> candidates_;
    Waiters held_;
    std::size_t waiting_ = 0;  // in held_
    bool short_ = false;       // of descriptors or memory
    bool somebody_ = false;    // of the last choice
    bool said_short_ = false;
    bool paused_ = false;
    Task retry_;
    Timer look_;
};

}  // namespace berth

// Worker: one configuration being served on one loop. What modules see of the process they run in.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/cycle.hpp"
#include "event/accept/front_capacity.hpp"
#include "event/connection_pool.hpp"
#include "event/loop.hpp"
#include "event/process/channel.hpp"
#include "event/process/scoreboard.hpp"
#include "event/thread_pool.hpp"

namespace berth {

class AcceptStrategy;
class AcceptTurn;
class FrontWake;
class LentSockets;
class HandoffReceiver;
class ListenerSet;

// Which worker it is. Slots (0 … worker_processes-1) are used again by the worker that replaces one, and by
// those of the next generation; ids never.
struct WorkerIdentity {
    unsigned slot = 0;
    std::uint64_t id = 0;
    std::uint64_t generation = 1;
    // A front accepts and relays for the workers (strategy=proxy); it has slots of its own, and no modules.
    ProcessRole role = ProcessRole::worker;
};

// How a worker ends. politely: idle connections stay open for worker_idle_drain, so that their next answer
// can say "Connection: close" (the reload). at_once: idle connections are closed now (the whole server is
// quitting).
enum class Drain : std::uint8_t { politely, at_once };

// Normally the only one in its process. With `master_process off` a reload puts a second one beside it on the
// same loop, while the old one drains: modules keep what belongs to a worker with the worker, not in globals.
class Worker {
 public:
    // The cycle, the listeners, the scoreboard and its row outlive the worker; so does the loop.
    Worker(EventLoop& loop, const Cycle& cycle, WorkerIdentity identity, Scoreboard& scoreboard,
           ScoreboardRow& row, ListenerSet& listeners);
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker();

    EventLoop& loop() const noexcept { return loop_; }
    const Cycle& cycle() const noexcept { return cycle_; }
    Log& log() const noexcept { return cycle_.log(); }
    ConnectionPool& connections() noexcept { return connections_; }
    // The pool of that name (`thread_pool NAME …`); null when the configuration has none. "default" always
    // exists.
    ThreadPool* thread_pool(std::string_view name = "default") noexcept;

    unsigned slot() const noexcept { return identity_.slot; }
    std::uint64_t id() const noexcept { return identity_.id; }
    std::uint64_t generation() const noexcept { return identity_.generation; }
    bool is_front() const noexcept { return identity_.role == ProcessRole::front; }
    // It accepts no more. Answers close their connections; what is under way is finished.
    bool draining() const noexcept { return draining_; }
    // This worker's counters in memory that all processes see.
    ScoreboardRow& row() noexcept { return row_; }
    // Those of all processes.
    Scoreboard& scoreboard() noexcept { return scoreboard_; }

    // In start_worker: `begun` is called once, when the configuration is in force and before the first
    // connection is accepted. Never in a worker of a reload that is rejected: whatever changes what all
    // generations share waits for it.
    void when_online(Callback<> begun) { begun_.push_back(begun); }

    // --- the master; not for modules
    bool has_master() const noexcept { return master_ != nullptr; }  // false with master_process off
    void talk_to(Channel& master) noexcept { master_ = &master; }
    // False when there is no master any more.
    bool tell_master(MessageType type, std::string_view payload = {});
    // Connections that the master hands over, and addresses it is asked to listen on.
    HandoffReceiver& handoff() noexcept { return *handoff_; }
    // A message for one of the accept strategies.
    void take(Message& message);

    // --- what its process does with it; not for modules

    // Runs the modules' start_worker. After an error the worker is only good for destruction.
    Result<void> start();
    // Begins to accept on every listener of the configuration.
    void accept_connections();
    // accept_mutex on: when this worker watches the shared listeners. Made when it is first asked for.
    AcceptTurn& accept_turn();
    // In a front: how it learns that workers take what it brings. Made when it is first asked for.
    FrontWake& front_wake();
    // Accepts what waits on the shared listeners, although the kernel woke somebody else for it.
    void nudge();
    // `told` is called when connections wait that this worker cannot take now; at most once until it tries
    // again.
    void when_overloaded(Callback<> told) noexcept { overloaded_ = told; }
    // `left` is called once after drain() has begun: nothing more is accepted, and no socket is needed for
    // it.
    void when_left(Callback<> left) noexcept { left_ = left; }
    // Destroyed after all connections.
    void keep(std::unique_ptr<Buried> object) { kept_.push_back(std::move(object)); }
    void pass_on() {
        if (overloaded_) overloaded_();
    }
    // Stops accepting and lets the connections come to their end; `ended` is called once, when none is left:
    // from this call if that is so already. Called again it can only become stricter.
    void drain(Drain how, Callback<> ended);
    // Closes everything now.
    void stop();

 private:
    void accept_by(std::unique_ptr<AcceptStrategy> acceptor);
    void limit_front();
    void offer_turn();
    void stop_accepting();
    void leave();
    void end_idle_drain();
    void end_shutdown();
    void close_unused();
    void finished();
    void tick();

    EventLoop& loop_;
    const Cycle& cycle_;
    WorkerIdentity identity_;
    Scoreboard& scoreboard_;
    ScoreboardRow& row_;
    ListenerSet& listeners_;
    std::unique_ptr<HandoffReceiver> handoff_;  // has listeners that connections name
    std::vector<std::unique_ptr<Buried>> kept_;
    std::unique_ptr<FrontWake> front_wake_;
    const FrontCapacity capacity_;  // of a front
    ConnectionPool connections_;
    std::map<std::string, std::unique_ptr<ThreadPool>, std::less<>> thread_pools_;
    std::unique_ptr<AcceptTurn> accept_turn_;
    std::vector<std::unique_ptr<AcceptStrategy>> acceptors_;
    std::unique_ptr<LentSockets> lent_;
    Channel* master_ = nullptr;
    bool started_ = false;
    bool draining_ = false;
    bool at_once_ = false;
    std::vector<Callback<>> begun_;
    Callback<> ended_;
    Callback<> overloaded_;
    Callback<> left_;
    TimePoint leaving_since_ = kNever;
    Timer leave_;
    Timer idle_drain_;
    Timer shutdown_;
    Timer tick_;
};

}  // namespace berth

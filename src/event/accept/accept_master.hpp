// AcceptMaster: the master's part of a strategy; Sharing: all of them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/process/listener_set.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

class Cycle;
class EventLoop;
class WorkerHandle;
class Workers;
struct Message;

// Everything is called on the master's loop. A WorkerHandle is a worker's, unless it says front. What a
// strategy has no use for it leaves out.
class AcceptMaster {
 public:
    virtual ~AcceptMaster() = default;

    // `cycle` is in force from now on, at the start and after each reload: its listeners listen, those that
    // it has no more are closed after this call. Its workers come online next.
    virtual void serve(const Cycle&) {}
    // Listening sockets of others that this process has had since its start: workers may ask for them.
    virtual void started_with(const std::vector<int>&) {}
    // It has been told to accept.
    virtual void worker_online(WorkerHandle&) {}
    // It gets no more connections: it was asked to end, or said that it accepts no more. Not called for one
    // that dies.
    virtual void worker_leaving(WorkerHandle&) {}
    // It is gone; its last messages have been read, its row can still be. The handle lives until the end of
    // the turn.
    virtual void worker_ended(WorkerHandle&) {}
    // It accepts no more, is gone, or cannot accept for the moment: somebody else has to look at what waits.
    virtual void front_gone(WorkerHandle&) {}
    // Connections wait for it that it cannot take for the moment.
    virtual void overloaded(WorkerHandle&) {}
    // True when the message was for this strategy.
    virtual bool take(WorkerHandle&, Message&) { return false; }
    // The workers were told to stop and none are started (SIGWINCH): until one is online again nothing is
    // accepted, and nothing is closed for want of a worker. Another binary may be serving the sockets.
    virtual void rest() {}
    // While it rests: connections have come back meanwhile (whoever had them died) that only workers of this
    // server can serve.
    virtual bool stranded() const { return false; }
    // No other binary serves the same sockets any more, or it has never begun to.
    virtual void alone() {}
    // The whole server ends: nothing is accepted any more, and the listeners are about to be closed. `last`:
    // no other binary serves the same sockets.
    virtual void close([[maybe_unused]] bool last) {}

    // Listening sockets that are the strategy's own, for the next binary: keep_over_exec() lets it inherit
    // their descriptors, in the child that becomes it, and inherit() is told there what inheritance() said.
    virtual std::string inheritance() const { return {}; }
    virtual void keep_over_exec() const {}
    virtual void inherit(std::string_view) {}
    // In a forked child, which has copies of everything: closes descriptors, does nothing else.
    virtual void abandon() noexcept {}
};

// Owned by Workers; tells every strategy what happens.
class Sharing final : public AcceptMaster {
 public:
    Sharing(EventLoop& loop, Workers& workers, ListenerSet& listeners, Scoreboard& scoreboard);

    void serve(const Cycle& cycle) override;
    void started_with(const std::vector<int>& descriptors) override;
    void worker_online(WorkerHandle& worker) override;
    void worker_leaving(WorkerHandle& worker) override;
    void worker_ended(WorkerHandle& worker) override;
    void front_gone(WorkerHandle& front) override;
    void overloaded(WorkerHandle& worker) override;
    bool take(WorkerHandle& worker, Message& message) override;
    void rest() override;
    bool stranded() const override;
    void alone() override;
    void close(bool last) override;
    std::string inheritance() const override;
    void keep_over_exec() const override;
    void inherit(std::string_view text) override;
    void abandon() noexcept override;

 private:
    std::vector<std::unique_ptr<AcceptMaster>> parts_;
};

}  // namespace berth

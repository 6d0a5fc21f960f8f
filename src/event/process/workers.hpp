// Workers: the master's worker processes, of all generations: starting, talking to and losing them.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "event/accept/accept_master.hpp"
#include "event/process/channel.hpp"
#include "event/process/child.hpp"
#include "event/process/generation.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/respawn.hpp"
#include "event/process/scoreboard.hpp"
#include "event/process/worker.hpp"

namespace berth {

class Workers;

// One worker process as the master knows it.
class WorkerHandle {
 public:
    WorkerHandle(Workers& owner, WorkerIdentity identity, ScoreboardRow& row) noexcept;

    pid_t pid() const noexcept { return pid_; }
    const WorkerIdentity& identity() const noexcept { return identity_; }
    ScoreboardRow& row() noexcept { return row_; }
    bool ready() const noexcept { return ready_at_ != kNever; }  // has it ever been
    TimePoint ready_at() const noexcept { return ready_at_; }
    bool is_front() const noexcept { return identity_.role == ProcessRole::front; }
    bool asked() const noexcept { return asked_; }    // it was told to end
    bool online() const noexcept { return online_; }  // it was told to accept
    // It may be given connections: online, and neither asked to end nor finished with accepting.
    bool accepting() const noexcept { return online_ && !leaving_; }
    // It has said itself that it accepts no more, or that is not waited for.
    bool left() const noexcept { return left_; }
    // Why it could not start, in its own words; empty when it did not say.
    const std::string& reason() const noexcept { return reason_; }
    // Once it has ended: the connections it held then.
    std::uint64_t lost() const noexcept { return lost_; }

    bool send(MessageType type, std::string_view payload = {}, std::span<const int> fds = {});
    // It reads less than it is told: messages wait for it here.
    bool behind() const noexcept { return channel_ != nullptr && channel_->queued() > 0; }
    void signal(int number) const noexcept { child_.signal(number); }
    void drain(Drain how);
    void terminate();

 private:
    friend class Workers;
    void leave();
    void on_message(Message& message);
    void on_closed() {}  // its end follows
    void on_start_limit();
    void on_ended(int status);

    Workers& owner_;
    WorkerIdentity identity_;
    ScoreboardRow& row_;
    pid_t pid_ = 0;
    bool asked_ = false;
    bool leaving_ = false;
    bool left_ = false;
    bool online_ = false;
    std::string reason_;
    std::uint64_t lost_ = 0;
    TimePoint ready_at_ = kNever;
    Child child_;
    std::unique_ptr<Channel> channel_;
    Timer start_limit_;
};

// What the master wants to hear of its workers.
struct WorkerEvents {
    Callback<WorkerHandle&> ready;       // it waits to be told `online`
    Callback<WorkerHandle&> stuck;       // it was not ready within worker_start_timeout, and is being killed
    Callback<WorkerHandle&> left;        // it has said that it accepts no more
    Callback<WorkerHandle&, int> ended;  // with the status of waitpid(2); it is gone after this call
    Callback<Generation&> in_child;  // in a fresh child of this generation: let go of what is the master's
};

class Workers {
 public:
    Workers(EventLoop& loop, ListenerSet& listeners, Scoreboard& scoreboard, WorkerEvents events) noexcept;
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // Forks a worker, or a front; in the child it does not return. Only from the main thread.
    Result<void> spawn(Generation& generation, unsigned slot, ProcessRole role = ProcessRole::worker);

    // The strategies, as the master sees them.
    Sharing& sharing() noexcept { return sharing_; }

    // All that have not ended.
    std::list<std::unique_ptr<WorkerHandle>>& all() noexcept { return all_; }
    bool empty() const noexcept { return all_.empty(); }
    // Those not asked to end.
    std::size_t count(std::uint64_t generation, ProcessRole role = ProcessRole::worker) const noexcept;
    bool all_ready(std::uint64_t generation) const noexcept;

    // Are all that have not ended of this generation?
    bool all_of(std::uint64_t generation) const noexcept;
    // Is there a front of another generation?
    bool has_other_fronts(std::uint64_t generation) const noexcept;
    // Have those of all other generations said that they accept no more?
    bool others_left(std::uint64_t generation) const noexcept;
    // They are not waited for any longer; returns how many had not said so.
    std::size_t forget_others(std::uint64_t generation) noexcept;

    // Lets a ready one accept, unless it was asked to end.
    void put_online(WorkerHandle& worker);
    // Fronts first: workers cease when no front can bring them anything any more, or one is stuck; at once
    // where there are no fronts. drain_other_generations() calls `drained` when the workers have been told.
    void drain_all(Drain how);
    void drain_other_generations(std::uint64_t but, Callback<> drained);
    // Workers wait to be told until the fronts have ceased.
    bool drain_pending() const noexcept { return pending_.has_value(); }
    void terminate_all();
    void kill(std::uint64_t generation) noexcept;
    void kill_all() noexcept;
    void send_all(MessageType type, std::string_view payload, std::span<const int> fds);

    // At SIGCHLD, where there are no pidfds.
    void poll();
    // In a forked child: closes what belongs to the others.
    void abandon() noexcept;

 private:
    friend class WorkerHandle;
    void ended(WorkerHandle& worker, int status);
    [[noreturn]] void run_child(Generation& generation, WorkerHandle& worker, FileDescriptor channel,
                                pid_t master);
    void drain_fronts(std::uint64_t but, Drain how, Callback<> drained);
    void drain_workers();
    void front_ended(WorkerHandle& front);
    void on_fronts_late();
    void bury();

    EventLoop& loop_;
    ListenerSet& listeners_;
    Scoreboard& scoreboard_;
    WorkerEvents events_;
    std::uint64_t last_id_ = 0;
    std::list<std::unique_ptr<WorkerHandle>> all_;
    std::list<std::unique_ptr<WorkerHandle>> dead_;
    Sharing sharing_;
    // Workers of all generations but this one are to be told to end.
    struct PendingDrain {
        std::uint64_t but = 0;
        Drain how = Drain::politely;
        Callback<> drained;
    };
    std::optional<PendingDrain> pending_;
    Timer fronts_late_;
    Task bury_;
};

}  // namespace berth

// Nudges.
#include "event/accept/shared_master.hpp"

#include <algorithm>

#include "core/cycle.hpp"
#include "event/accept/turn.hpp"
#include "event/events_module.hpp"
#include "event/process/workers.hpp"

namespace berth {

namespace {

class SharedMaster final : public AcceptMaster {
 public:
    SharedMaster(EventLoop& loop, Workers& workers, ListenerSet& listeners, Scoreboard& scoreboard)
        : loop_(loop), workers_(workers), listeners_(listeners), lease_(scoreboard.accept_lease()) {}

    void serve(const Cycle& cycle) override {
        in_turns_ = *cycle.conf<EventsConf>().accept_mutex == AcceptMutex::on;
    }
    void worker_ended(WorkerHandle& worker) override {
        if (lease_.release(worker.identity().id)) nudge(&worker);
        look(&worker);
    }
    void front_gone(WorkerHandle& front) override { look(&front); }
    void overloaded(WorkerHandle& worker) override { look(&worker); }
    bool take(WorkerHandle& worker, Message& message) override {
        if (message.type == MessageType::disconnect) left();
        if (message.type != MessageType::nudge || message.payload != kTurnOffered) return false;
        nudge(&worker, &worker);
        return true;
    }

 private:
    // It accepts no more, and has given up what it had.
    void left() {
        if (in_turns_ && lease_.is_free(loop_.now())) nudge(nullptr);
        look(nullptr);
    }

    // A process of one role may have been woken for what is now the other's: while a reload changes the
    // strategy.
    void look(const WorkerHandle* but) {
        if (somebody_waits(Strategy::shared)) nudge(but);
        if (somebody_waits(Strategy::proxy)) nudge_fronts(but);
    }

    bool somebody_waits(Strategy strategy) const {
        return std::ranges::any_of(listeners_.items(), [&](const ListenerSet::Item& item) {
            return item.strategy == strategy && item.listener->somebody_waits();
        });
    }

    // Those that accept, but this one. One that is stopped has nudges enough.
    std::vector<WorkerHandle*> able(ProcessRole role, const WorkerHandle* but) const {
        std::vector<WorkerHandle*> found;
        for (auto& worker : workers_.all()) {
            const bool fits = worker->identity().role == role && worker->accepting();
            if (fits && !worker->behind() && worker.get() != but) found.push_back(worker.get());
        }
        return found;
    }

    // One worker but this, which looks at all its sockets; `last_choice` when there is none.
    void nudge(const WorkerHandle* but, WorkerHandle* last_choice = nullptr) {
        std::vector<WorkerHandle*> workers = able(ProcessRole::worker, but);
        if (workers.empty() && last_choice != nullptr) workers.push_back(last_choice);
        if (!workers.empty()) workers[turn_++ % workers.size()]->send(MessageType::nudge);
    }

    // All of them: a front that has no room looks at nothing.
    void nudge_fronts(const WorkerHandle* but) {
        for (WorkerHandle* front : able(ProcessRole::front, but)) front->send(MessageType::nudge);
    }

    EventLoop& loop_;
    Workers& workers_;
    ListenerSet& listeners_;
    AcceptLease& lease_;
    bool in_turns_ = false;
    std::size_t turn_ = 0;
};

}  // namespace

std::unique_ptr<AcceptMaster> make_shared_master(EventLoop& loop, Workers& workers, ListenerSet& listeners,
                                                 Scoreboard& scoreboard) {
    return std::make_unique<SharedMaster>(loop, workers, listeners, scoreboard);
}

}  // namespace berth

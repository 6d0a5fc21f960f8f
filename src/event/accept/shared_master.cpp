// Nudges.
#include "event/accept/shared_master.hpp"

#include <poll.h>

#include <algorithm>

#include "core/cycle.hpp"
#include "event/accept/turn.hpp"
#include "event/events_module.hpp"
#include "event/process/workers.hpp"

namespace berth {

namespace {

bool somebody_waits(const Listener& listener) {
    pollfd waiting{listener.fd(), POLLIN, 0};
    return listener.listening() && ::poll(&waiting, 1, 0) == 1;
}

class SharedMaster final : public AcceptMaster {
 public:
    SharedMaster(EventLoop& loop, Workers& workers, ListenerSet& listeners, Scoreboard& scoreboard)
        : loop_(loop), workers_(workers), listeners_(listeners), lease_(scoreboard.accept_lease()) {}

    void serve(const Cycle& cycle) override {
        in_turns_ = *cycle.conf<EventsConf>().accept_mutex == AcceptMutex::on;
    }
    void worker_ended(WorkerHandle& worker) override {
        if (lease_.release(worker.identity().id)) return nudge(&worker);
        nudge_if_somebody_waits(&worker);
    }
    bool take(WorkerHandle& worker, Message& message) override {
        if (message.type == MessageType::disconnect) {
            left();
        } else if (message.type == MessageType::nudge && message.payload == kTurnOffered) {
            nudge(&worker, &worker);
        } else if (message.type == MessageType::nudge) {
            nudge_if_somebody_waits(&worker);
        }
        return message.type == MessageType::nudge;
    }

 private:
    // It accepts no more, and has given up what it had.
    void left() {
        if (in_turns_ && lease_.is_free(loop_.now())) return nudge(nullptr);
        nudge_if_somebody_waits(nullptr);
    }

    void nudge_if_somebody_waits(const WorkerHandle* but) {
        const bool waits = std::ranges::any_of(listeners_.items(), [](const ListenerSet::Item& item) {
            return item.strategy == Strategy::shared && somebody_waits(*item.listener);
        });
        if (waits) nudge(but);
    }

    // One but this, which looks at all its sockets; `last_choice` when there is none. One that is stopped has
    // nudges enough.
    void nudge(const WorkerHandle* but, WorkerHandle* last_choice = nullptr) {
        std::vector<WorkerHandle*> able;
        for (auto& worker : workers_.all()) {
            if (worker->accepting() && !worker->is_front() && !worker->behind() && worker.get() != but)
                able.push_back(worker.get());
        }
        if (able.empty() && last_choice != nullptr) able.push_back(last_choice);
        if (!able.empty()) able[turn_++ % able.size()]->send(MessageType::nudge);
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

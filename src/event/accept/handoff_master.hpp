// HandoffMaster: the master as a HandoffEngine's owner: its workers are the targets.
#pragma once

#include <map>
#include <memory>

#include "event/accept/accept_master.hpp"
#include "event/accept/handoff_engine.hpp"
#include "event/accept/listener_book.hpp"
#include "event/listening.hpp"

namespace berth {

class HandoffMaster final : public AcceptMaster {
 public:
    HandoffMaster(EventLoop& loop, ListenerSet& listeners, Scoreboard& scoreboard);
    ~HandoffMaster() override;

    void serve(const Cycle& cycle) override;
    void started_with(const std::vector<int>& descriptors) override { given_ = descriptors; }
    void worker_online(WorkerHandle& worker) override;
    void worker_leaving(WorkerHandle& worker) override;
    void worker_ended(WorkerHandle& worker) override;
    bool take(WorkerHandle& worker, Message& message) override;
    void rest() override;
    bool stranded() const override { return engine_.waiting(); }
    void close(bool last) override;
    std::string inheritance() const override { return book_.inheritance(); }
    void keep_over_exec() const override { book_.keep_over_exec(); }
    void inherit(std::string_view text) override;
    void abandon() noexcept override;

 private:
    class Target;

    void serve(const Listening::Entry& entry, const ListenerSet::Item& item,
               std::vector<HandoffListener*>& before);
    Target& target(WorkerHandle& worker);
    void answer(WorkerHandle& worker, const Message& message);
    Result<ListenAnswer> ask(WorkerHandle& worker, const ListenQuestion& question);
    bool may_listen(const ListenQuestion& question) const;

    ListenerSet& sockets_;
    Scoreboard& scoreboard_;
    const Cycle* cycle_ = nullptr;
    HandoffEngine engine_;
    ListenerBook book_;
    std::vector<int> given_;                   // of started_with()
    std::vector<HandoffListener*> listeners_;  // of the configuration: those that accept, or once did
    std::map<WorkerHandle*, std::unique_ptr<Target>> targets_;
};

}  // namespace berth

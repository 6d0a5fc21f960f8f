// The master's part of strategy=proxy: which slots have a worker.
#include <algorithm>

#include "core/cycle.hpp"
#include "event/accept/proxy.hpp"
#include "event/events_module.hpp"
#include "event/listening.hpp"
#include "event/process/workers.hpp"

namespace berth {

namespace {

class ProxyMaster final : public AcceptMaster {
 public:
    explicit ProxyMaster(FrontBoard& board) noexcept : board_(board) {}

    void serve(const Cycle& cycle) override { remove_stale_sockets(cycle.conf<Listening>()); }
    void worker_online(WorkerHandle& worker) override {
        const unsigned slot = worker.identity().slot;
        if (slot >= FrontBoard::kPlaces) return;
        board_.places[slot].worker = worker.identity().id;
        board_.slots = std::max(board_.slots.load(), slot + 1);
    }
    void worker_leaving(WorkerHandle& worker) override { worker_ended(worker); }
    void worker_ended(WorkerHandle& worker) override {
        const unsigned slot = worker.identity().slot;
        if (slot >= FrontBoard::kPlaces) return;
        // Not when the slot has another one by now.
        std::uint64_t id = worker.identity().id;
        board_.places[slot].worker.compare_exchange_strong(id, 0);
    }

 private:
    FrontBoard& board_;
};

}  // namespace

std::unique_ptr<AcceptMaster> make_proxy_master(Scoreboard& scoreboard) {
    return std::make_unique<ProxyMaster>(scoreboard.fronts());
}

unsigned front_count(const Cycle& cycle) {
    const auto& entries = cycle.conf<Listening>().entries;
    const auto proxied = [](const Listening::Entry& entry) { return entry.strategy == Strategy::proxy; };
    return std::ranges::any_of(entries, proxied) ? *cycle.conf<EventsConf>().front_processes : 0;
}

}  // namespace berth

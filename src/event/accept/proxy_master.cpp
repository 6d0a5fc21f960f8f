// The master's part of strategy=proxy: which slots have a worker.
#include <algorithm>

#include "core/cycle.hpp"
#include "event/accept/proxy.hpp"
#include "event/events_module.hpp"
#include "event/listening.hpp"
#include "event/process/workers.hpp"

namespace berth {

namespace {

// How often it is looked whether something waits that never comes.
constexpr Duration kCheck{500};

class ProxyMaster final : public AcceptMaster {
 public:
    ProxyMaster(EventLoop& loop, ListenerSet& listeners, FrontBoard& board) noexcept
        : loop_(loop),
          listeners_(listeners),
          board_(board),
          check_(Callback<>::to<&ProxyMaster::on_check>(*this)) {}

    void serve(const Cycle& cycle) override {
        remove_stale_sockets(cycle.conf<Listening>());
        if (front_count(cycle) > 0 && !check_.armed()) check_.start(loop_, kCheck);
    }
    void worker_online(WorkerHandle& worker) override {
        const unsigned slot = worker.identity().slot;
        if (slot >= FrontBoard::kPlaces) return;
        board_.places[slot].generation = worker.identity().generation;
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
    // Fronts and workers of both binaries have met, and counted in different places: what was counted here
    // alone would fill windows.
    void alone() override {
        for (unsigned slot = 0; slot < board_.slots; ++slot) {
            FrontBoard::Place& place = board_.places[slot];
            if (!somebody_waits(slot)) place.correct(place.difference());
        }
        drifts_.clear();
        board_.keeps_secret = false;
    }
    // Ports are the other binary's, too, if there is one: its workers take what waits there. Anybody can
    // connect to them: what no front has brought does not count.
    bool stranded() const override {
        return waits([&](const ListenerSet::SlotSocket& door) {
            const bool ours = !board_.keeps_secret || door.listener->address().is_unix();
            return ours && board_.places[door.slot].waiting() > 0;
        });
    }
    void close(bool) override { check_.stop(); }

 private:
    void on_check() {
        drifts_.resize(board_.slots);
        for (unsigned slot = 0; slot < drifts_.size(); ++slot) {
            FrontBoard::Place& place = board_.places[slot];
            const std::int32_t difference = place.difference();
            if (difference != 0 && somebody_waits(slot)) continue;
            if (const std::int32_t stays = drifts_[slot].seen(difference); stays != 0) place.correct(stays);
        }
        // As long as there is an address where fronts come.
        const auto proxied = [](const ListenerSet::Item& item) { return !item.privates.empty(); };
        if (std::ranges::any_of(listeners_.items(), proxied)) check_.start(loop_, kCheck);
    }

    bool somebody_waits(unsigned slot) const {
        return waits([&](const ListenerSet::SlotSocket& door) { return door.slot == slot; });
    }

    // Whether there is a connection that nobody has accepted, where fronts come and `where(SlotSocket)` says
    // so.
    template <class Where>
    bool waits(Where where) const {
        return std::ranges::any_of(listeners_.items(), [&](const ListenerSet::Item& item) {
            return std::ranges::any_of(item.privates, [&](const ListenerSet::SlotSocket& door) {
                return where(door) && door.listener->somebody_waits();
            });
        });
    }

    EventLoop& loop_;
    ListenerSet& listeners_;
    FrontBoard& board_;
    std::vector<FrontBoard::Drift> drifts_;
    Timer check_;
};

}  // namespace

std::unique_ptr<AcceptMaster> make_proxy_master(EventLoop& loop, ListenerSet& listeners,
                                                Scoreboard& scoreboard) {
    return std::make_unique<ProxyMaster>(loop, listeners, scoreboard.fronts());
}

unsigned front_count(const Cycle& cycle) {
    const auto& entries = cycle.conf<Listening>().entries;
    const auto proxied = [](const Listening::Entry& entry) { return entry.strategy == Strategy::proxy; };
    return std::ranges::any_of(entries, proxied) ? *cycle.conf<EventsConf>().front_processes : 0;
}

}  // namespace berth

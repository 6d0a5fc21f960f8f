// The master's side of reuseport: every socket of a group has a worker that watches it.
#include <poll.h>

#include <algorithm>

#include "core/cycle.hpp"
#include "event/accept/reuseport.hpp"
#include "event/process/workers.hpp"

namespace berth {

namespace {

// Until a socket that could not be sent to a worker, or was lost on its way, is offered to the next one.
constexpr Duration kAgain{100};

class ReuseportMaster final : public AcceptMaster {
 public:
    ReuseportMaster(EventLoop& loop, Workers& workers, ListenerSet& listeners)
        : loop_(loop),
          workers_(workers),
          listeners_(listeners),
          look_(Callback<>::to<&ReuseportMaster::look>(*this)),
          again_(Callback<>::to<&ReuseportMaster::look>(*this)) {}

    void serve(const Cycle& cycle) override {
        generation_ = cycle.generation();
        loop_.post(look_);
    }
    void worker_online(WorkerHandle&) override { loop_.post(look_); }
    void worker_leaving(WorkerHandle&) override { someone_left(); }
    void worker_ended(WorkerHandle&) override { someone_left(); }
    bool take(WorkerHandle& worker, Message& message) override;
    void close() override {
        closed_ = true;
        again_.stop();
    }

 private:
    struct Loan {
        GroupPlace place;
        std::uint64_t worker = 0;
    };

    void someone_left() {
        left_ = true;
        loop_.post(look_);
    }
    void look();
    void look_at(const ListenerSet::Item& item, unsigned slot, const Listener& socket);
    void take_back(const ListenerSet::Item& item);
    WorkerHandle* owner(unsigned slot);
    WorkerHandle* borrower(const GroupPlace& place);
    WorkerHandle* lend(const GroupPlace& place, const Listener& socket);

    EventLoop& loop_;
    Workers& workers_;
    ListenerSet& listeners_;
    std::uint64_t generation_ = 0;
    std::size_t next_ = 0;
    std::vector<Loan> loans_;
    bool left_ = false;
    bool closed_ = false;
    Task look_;
    Timer again_;
};

// Once a turn, when everything that happens in it has happened.
void ReuseportMaster::look() {
    if (closed_) return;
    const auto& items = listeners_.items();
    std::erase_if(loans_, [&](const Loan& loan) {
        return std::ranges::find(items, loan.place.item, &ListenerSet::Item::index) == items.end();
    });
    for (const ListenerSet::Item& item : items) {
        if (item.strategy == Strategy::handoff) {
            take_back(item);
            continue;
        }
        // Another strategy has its own way with the first socket.
        if (item.strategy == Strategy::reuseport) look_at(item, 0, *item.listener);
        for (const auto& [slot, socket] : item.group) look_at(item, slot, *socket);
    }
    left_ = false;
}

void ReuseportMaster::look_at(const ListenerSet::Item& item, unsigned slot, const Listener& socket) {
    if (!socket.listening()) return;
    const GroupPlace place{item.index, slot};
    WorkerHandle* watcher = item.strategy == Strategy::reuseport ? owner(slot) : nullptr;
    WorkerHandle* guest = borrower(place);
    if (watcher != nullptr && guest != nullptr) guest->send(MessageType::watch, place.to_text());
    if (watcher != nullptr || guest == nullptr)
        std::erase_if(loans_, [&](auto& l) { return l.place == place; });
    if (watcher == nullptr) watcher = guest != nullptr ? guest : lend(place, socket);
    // The kernel may have woken the one that is gone, and nobody else.
    pollfd waiting{socket.fd(), POLLIN, 0};
    if (left_ && watcher != nullptr && ::poll(&waiting, 1, 0) == 1) watcher->send(MessageType::nudge);
}

// With handoff it is the master that watches all sockets of the address.
void ReuseportMaster::take_back(const ListenerSet::Item& item) {
    const auto of_item = [&](const Loan& loan) { return loan.place.item == item.index; };
    for (const Loan& loan : loans_) {
        WorkerHandle* guest = of_item(loan) ? borrower(loan.place) : nullptr;
        if (guest != nullptr) guest->send(MessageType::watch, loan.place.to_text());
    }
    std::erase_if(loans_, of_item);
}

WorkerHandle* ReuseportMaster::owner(unsigned slot) {
    for (auto& worker : workers_.all()) {
        const WorkerIdentity& is = worker->identity();
        const bool fits = is.slot == slot && is.generation == generation_ && !worker->is_front();
        if (fits && worker->accepting()) return worker.get();
    }
    return nullptr;
}

// Null also when the one that was lent it accepts no more.
WorkerHandle* ReuseportMaster::borrower(const GroupPlace& place) {
    auto loan = std::ranges::find(loans_, place, &Loan::place);
    if (loan == loans_.end()) return nullptr;
    for (auto& worker : workers_.all()) {
        if (worker->identity().id == loan->worker && worker->accepting()) return worker.get();
    }
    return nullptr;
}

WorkerHandle* ReuseportMaster::lend(const GroupPlace& place, const Listener& socket) {
    std::vector<WorkerHandle*> able;
    for (auto& worker : workers_.all()) {
        const bool fits = worker->identity().generation == generation_ && !worker->is_front();
        if (fits && worker->accepting()) able.push_back(worker.get());
    }
    if (able.empty()) return nullptr;
    WorkerHandle* chosen = able[next_++ % able.size()];
    if (!chosen->send(MessageType::watch, place.to_text(), socket.fd())) {
        again_.start(loop_, kAgain);
        return nullptr;
    }
    loans_.push_back({place, chosen->identity().id});
    return chosen;
}

bool ReuseportMaster::take(WorkerHandle& worker, Message& message) {
    GroupPlace place;
    if (message.type != MessageType::watch || !GroupPlace::parse(message.payload, place)) return false;
    std::erase_if(
        loans_, [&](const Loan& loan) { return loan.place == place && loan.worker == worker.identity().id; });
    again_.start(loop_, kAgain);
    return true;
}

}  // namespace

std::unique_ptr<AcceptMaster> make_reuseport_master(EventLoop& loop, Workers& workers,
                                                    ListenerSet& listeners) {
    return std::make_unique<ReuseportMaster>(loop, workers, listeners);
}

}  // namespace berth

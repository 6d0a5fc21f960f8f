// The master's side of lent sockets: every socket of a slot has a worker that watches it.
#include <algorithm>
#include <array>

#include "core/cycle.hpp"
#include "event/accept/lent_sockets.hpp"
#include "event/listening.hpp"
#include "event/process/workers.hpp"

namespace berth {

namespace {

// Until a socket that could not be sent to a worker, or was lost on its way, is offered to the next one; and
// so long one is lent for a worker that is full.
constexpr Duration kAgain{100};

class LendingMaster final : public AcceptMaster {
 public:
    LendingMaster(EventLoop& loop, Workers& workers, ListenerSet& listeners)
        : loop_(loop),
          workers_(workers),
          listeners_(listeners),
          look_(Callback<>::to<&LendingMaster::look>(*this)),
          again_(Callback<>::to<&LendingMaster::look>(*this)) {}

    void serve(const Cycle& cycle) override {
        cycle_ = &cycle;
        loop_.post(look_);
    }
    void worker_online(WorkerHandle&) override { loop_.post(look_); }
    void worker_leaving(WorkerHandle&) override { someone_left(); }
    void worker_ended(WorkerHandle&) override { someone_left(); }
    // The addresses that only it knew are closed now.
    void front_gone(WorkerHandle&) override { loop_.post(look_); }
    void overloaded(WorkerHandle& worker) override;
    bool take(WorkerHandle& worker, Message& message) override;
    void close(bool) override {
        closed_ = true;
        again_.stop();
    }

 private:
    struct Loan {
        SocketPlace place;
        std::uint64_t worker = 0;
        bool too_full = false;  // it has said so: another one, if there is one
    };

    void someone_left() {
        left_ = true;
        loop_.post(look_);
    }
    void again_soon() {
        if (!again_.armed()) again_.start(loop_, kAgain);
    }
    template <class Visit>
    void for_each_socket(Visit visit);
    void look();
    void look_at(const SocketPlace& place, const Listener& socket, WorkerHandle* owner);
    WorkerHandle* owner(unsigned slot);
    WorkerHandle* owner(const ListenerSet::Item& item, const ListenerSet::SlotSocket& door);
    std::vector<Loan>::iterator find(const SocketPlace& place) {
        return std::ranges::find(loans_, place, &Loan::place);
    }
    WorkerHandle* borrower(const Loan& loan);
    WorkerHandle* choose(const WorkerHandle* but);
    WorkerHandle* lend(const SocketPlace& place, const Listener& socket, WorkerHandle* to);
    void take_back(const Loan& loan);

    EventLoop& loop_;
    Workers& workers_;
    ListenerSet& listeners_;
    const Cycle* cycle_ = nullptr;
    std::size_t next_ = 0;
    std::vector<Loan> loans_;
    std::vector<SocketPlace> there_;  // of look(), kept for its memory
    bool left_ = false;
    bool closed_ = false;
    Task look_;
    Timer again_;
};

// Calls visit(place, socket, owner): which worker, if any, has it for itself.
template <class Visit>
void LendingMaster::for_each_socket(Visit visit) {
    for (const ListenerSet::Item& item : listeners_.items()) {
        // Another strategy has its own way with the first socket; with handoff the master watches all of
        // them.
        const bool own = item.strategy == Strategy::reuseport;
        if (own) visit(SocketPlace{item.index, 0, 0}, *item.listener, owner(0));
        for (const auto& [slot, door, socket] : item.group) {
            if (item.strategy == Strategy::handoff) break;
            visit(SocketPlace{item.index, slot, door}, *socket, own ? owner(slot) : nullptr);
        }
        for (const ListenerSet::SlotSocket& door : item.privates) {
            visit(SocketPlace{item.index, door.slot, door.door}, *door.listener, owner(item, door));
        }
    }
}

// Once a turn, when everything that happens in it has happened.
void LendingMaster::look() {
    if (closed_) return;
    there_.clear();
    for_each_socket([&](const SocketPlace& place, const Listener& socket, WorkerHandle* owner) {
        if (!socket.listening()) return;
        there_.push_back(place);
        look_at(place, socket, owner);
    });
    std::erase_if(loans_, [&](const Loan& loan) {
        const bool gone = std::ranges::find(there_, loan.place) == there_.end();
        if (gone) take_back(loan);
        return gone;
    });
    left_ = false;
}

void LendingMaster::look_at(const SocketPlace& place, const Listener& socket, WorkerHandle* owner) {
    const auto loan = find(place);
    WorkerHandle* guest = loan != loans_.end() ? borrower(*loan) : nullptr;
    // Another one, if there is one.
    WorkerHandle* other = guest != nullptr && owner == nullptr && std::exchange(loan->too_full, false)
                              ? choose(guest)
                              : nullptr;
    if (guest != nullptr && (owner != nullptr || other != nullptr)) {
        take_back(*loan);
        guest = nullptr;
    }
    if (guest == nullptr && loan != loans_.end()) loans_.erase(loan);
    WorkerHandle* watcher = owner != nullptr ? owner : guest;
    if (watcher == nullptr) watcher = lend(place, socket, other != nullptr ? other : choose(nullptr));
    // The kernel may have woken the one that is gone, and nobody else.
    if (left_ && watcher != nullptr && socket.somebody_waits()) watcher->send(MessageType::nudge);
}

WorkerHandle* LendingMaster::owner(unsigned slot) {
    for (auto& worker : workers_.all()) {
        const WorkerIdentity& is = worker->identity();
        const bool fits = is.slot == slot && is.generation == cycle_->generation() && !worker->is_front();
        if (fits && worker->accepting()) return worker.get();
    }
    return nullptr;
}

WorkerHandle* LendingMaster::owner(const ListenerSet::Item& item, const ListenerSet::SlotSocket& door) {
    const Listening::Entry* entry = cycle_->conf<Listening>().find(item.address);
    const bool proxied = entry != nullptr && entry->strategy == Strategy::proxy;
    if (!proxied || entry->private_address(door.slot) != door.listener->address()) return nullptr;
    return owner(door.slot);
}

// Null also when the one that was lent it accepts no more.
WorkerHandle* LendingMaster::borrower(const Loan& loan) {
    for (auto& worker : workers_.all()) {
        if (worker->identity().id == loan.worker && worker->accepting()) return worker.get();
    }
    return nullptr;
}

// One of the generation in force, but this; each in its turn.
WorkerHandle* LendingMaster::choose(const WorkerHandle* but) {
    std::vector<WorkerHandle*> able;
    for (auto& worker : workers_.all()) {
        const bool fits = worker->identity().generation == cycle_->generation() && !worker->is_front();
        if (fits && worker->accepting() && worker.get() != but) able.push_back(worker.get());
    }
    return able.empty() ? nullptr : able[next_++ % able.size()];
}

WorkerHandle* LendingMaster::lend(const SocketPlace& place, const Listener& socket, WorkerHandle* to) {
    if (to == nullptr) return nullptr;
    if (!to->send(MessageType::watch, place.to_text(), std::array{socket.fd()})) {
        again_soon();
        return nullptr;
    }
    loans_.push_back({place, to->identity().id});
    return to;
}

void LendingMaster::take_back(const Loan& loan) {
    if (WorkerHandle* guest = borrower(loan)) guest->send(MessageType::watch, loan.place.to_text());
}

// Its own sockets are lent until it may have room again; what it was lent goes to another one then.
void LendingMaster::overloaded(WorkerHandle& worker) {
    if (closed_ || cycle_ == nullptr) return;
    for_each_socket([&](const SocketPlace& place, const Listener& socket, WorkerHandle* owner) {
        if (owner != &worker || !socket.somebody_waits() || find(place) != loans_.end()) return;
        lend(place, socket, choose(&worker));
    });
    for (Loan& loan : loans_) loan.too_full = loan.too_full || loan.worker == worker.identity().id;
    if (!loans_.empty()) again_soon();
}

bool LendingMaster::take(WorkerHandle& worker, Message& message) {
    SocketPlace place;
    if (message.type != MessageType::watch || !SocketPlace::parse(message.payload, place)) return false;
    std::erase_if(
        loans_, [&](const Loan& loan) { return loan.place == place && loan.worker == worker.identity().id; });
    again_soon();
    return true;
}

}  // namespace

std::unique_ptr<AcceptMaster> make_lending_master(EventLoop& loop, Workers& workers, ListenerSet& listeners) {
    return std::make_unique<LendingMaster>(loop, workers, listeners);
}

}  // namespace berth

// Which sockets are handed over, and to which workers.
#include "event/accept/handoff_master.hpp"

#include <netinet/in.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "core/cycle.hpp"
#include "event/accept/handoff_message.hpp"
#include "event/events_module.hpp"
#include "event/listening.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/workers.hpp"

namespace berth {

namespace {

// Descriptors that are left for workers, logs and the control socket.
constexpr int kReserve = 32;

int most_descriptors() {
    rlimit limit{};
    constexpr rlim_t kMost = 1 << 30;
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMost;
    return std::max(static_cast<int>(std::min(limit.rlim_cur, kMost)) - kReserve, 3);
}

}  // namespace

class HandoffMaster::Target final : public HandoffTarget {
 public:
    Target(WorkerHandle& worker, const std::vector<HandoffListener*>& listeners)
        : HandoffTarget(worker.identity().slot), worker_(worker), listeners_(listeners) {
        given_ = seen_ = worker.row().handoff.last();
        first_ticket(seen_);
    }

    WorkerHandle& worker() noexcept { return worker_; }

 private:
    std::size_t send(std::span<const HandedConnection* const> connections) override {
        std::size_t sent = 0;
        while (sent < connections.size()) {
            const auto next = connections.subspan(sent).first(
                std::min(connections.size() - sent, Channel::kMostDescriptors));
            if (!send_message(next)) break;
            sent += next.size();
        }
        return sent;
    }
    bool send_message(std::span<const HandedConnection* const> connections) {
        static_assert(Channel::kMostDescriptors * NewConnection::kMostBytes <= Channel::kMaxPayload);
        const std::uint64_t last = connections.back()->ticket;
        if (last - seen_ >= HandoffState::kTickets) return false;
        payload_.clear();
        fds_.clear();
        for (const HandedConnection* connection : connections) {
            append_new_connection(payload_, static_cast<std::uint32_t>(connection->listener->index()),
                                  connection->ticket, connection->peer);
            fds_.push_back(connection->fd.get());
        }
        if (!worker_.send(MessageType::newconn, payload_, fds_)) return false;
        given_ = last;
        return true;
    }
    bool full() const noexcept override { return worker_.row().handoff.full(); }
    std::uint64_t open() const noexcept override {
        std::uint64_t sum = 0;
        for (const HandoffListener* listener : listeners_) {
            sum += worker_.row().listener(listener->index()).open.load(std::memory_order_relaxed);
        }
        return sum;
    }
    void collect(HandoffEngine& engine) override {
        const HandoffState& state = worker_.row().handoff;
        for (const std::uint64_t last = decided(); seen_ < last;) {
            ++seen_;
            engine.decided(*this, seen_, state.taken(seen_));
        }
    }
    bool ask_for_decision() override {
        worker_.row().handoff.ask();
        return decided() > seen_;
    }
    void count_redistributed(HandoffListener& listener) override {
        count(worker_.row().listener(listener.index()).redistributed);
    }

    // It is the worker that writes there: what it was never given it has not decided, whatever it says.
    std::uint64_t decided() const noexcept { return std::min(worker_.row().handoff.last(), given_); }

    WorkerHandle& worker_;
    const std::vector<HandoffListener*>& listeners_;
    std::uint64_t given_ = 0;  // the last ticket that was sent
    std::uint64_t seen_ = 0;   // the last decision that the engine knows of
    // Of send_message(), kept for their memory.
    std::string payload_;
    std::vector<int> fds_;
};

HandoffMaster::HandoffMaster(EventLoop& loop, ListenerSet& listeners, Scoreboard& scoreboard)
    : sockets_(listeners),
      scoreboard_(scoreboard),
      engine_(loop),
      book_(engine_, scoreboard.master().listener(ScoreboardRow::kListeners)) {}

HandoffMaster::~HandoffMaster() = default;

void HandoffMaster::serve(const Cycle& cycle) {
    cycle_ = &cycle;
    const auto& events = cycle.conf<EventsConf>();
    engine_.configure(
        {*events.handoff_window, *events.handoff_queue, *events.accept_hold, most_descriptors()},
        cycle.log());
    book_.limit(*events.handoff_listens, *events.accept_hold);
    std::vector<HandoffListener*> before = std::exchange(listeners_, {});
    for (const Listening::Entry& entry : cycle.conf<Listening>().entries) {
        const ListenerSet::Item* item = sockets_.find(entry.address);
        if (item != nullptr) serve(entry, *item, before);
    }
    for (HandoffListener* listener : before) engine_.close(*listener);
}

// Once the strategy is another one, what was accepted before that is still handed over: it waits, or comes
// back from a worker that dies.
void HandoffMaster::serve(const Listening::Entry& entry, const ListenerSet::Item& item,
                          std::vector<HandoffListener*>& before) {
    const bool accepts = entry.strategy == Strategy::handoff;
    // A group that is left of reuseport gets its share of the connections still.
    for (const Listener* socket : item.sockets()) {
        auto kept = std::ranges::find(before, socket->fd(), &HandoffListener::fd);
        HandoffListener* listener = nullptr;
        if (kept != before.end()) {
            listener = *kept;
            before.erase(kept);
        } else if (accepts && socket->listening()) {
            listener = &engine_.open(socket->fd(), item.index, entry.address.to_text(),
                                     scoreboard_.master().listener(item.index));
        }
        if (listener == nullptr) continue;
        engine_.accept(*listener, accepts);
        engine_.balance(*listener, entry.balance);
        listeners_.push_back(listener);
    }
}

HandoffMaster::Target& HandoffMaster::target(WorkerHandle& worker) {
    auto& target = targets_[&worker];
    if (target == nullptr) target = std::make_unique<Target>(worker, listeners_);
    return *target;
}

void HandoffMaster::worker_online(WorkerHandle& worker) {
    Target& joining = target(worker);
    for (HandoffListener* listener : listeners_) engine_.join(*listener, joining);
    book_.join(joining);
}

void HandoffMaster::worker_leaving(WorkerHandle& worker) {
    Target& leaving = target(worker);
    engine_.leave(leaving);
    book_.forget(leaving);
}

void HandoffMaster::worker_ended(WorkerHandle& worker) {
    auto found = targets_.find(&worker);
    if (found == targets_.end()) return;
    engine_.ended(*found->second);
    book_.forget(*found->second);
    targets_.erase(found);
}

bool HandoffMaster::take(WorkerHandle& worker, Message& message) {
    switch (message.type) {
        case MessageType::ack:
        case MessageType::nack: return engine_.look(), true;
        case MessageType::listen: return answer(worker, message), true;
        default: return false;
    }
}

void HandoffMaster::answer(WorkerHandle& worker, const Message& message) {
    const std::optional<ListenQuestion> question = read_listen_question(message.payload);
    if (!question) return;
    if (question->leave) return book_.leave(*question, target(worker));
    ListenAnswer answer;
    if (Result<ListenAnswer> asked = ask(worker, *question)) {
        answer = *std::move(asked);
    } else {
        cycle_->log().error("worker {} asked to listen on {}: {}", worker.identity().id, question->name(),
                            asked.error().message);
        answer.number = question->number;
        answer.error = asked.error().code != 0 ? asked.error().code : EINVAL;
    }
    const HandoffPayload payload(answer);
    worker.send(MessageType::listen, payload.text());
}

// What its user could not do, a worker cannot do through its master either. Another descriptor of the
// master's might be anything.
bool HandoffMaster::may_listen(const ListenQuestion& question) const {
    if (question.fd >= 0) return std::ranges::find(given_, question.fd) != given_.end();
    const auto& user = cycle_->conf<ProcessConf>().user;
    if (::geteuid() != 0 || (user.is_set() && user->uid == 0)) return true;
    const std::uint16_t port = question.address.port();
    return !question.address.is_unix() && (port == 0 || port >= IPPORT_RESERVED);
}

Result<ListenAnswer> HandoffMaster::ask(WorkerHandle& worker, const ListenQuestion& question) {
    if (worker.asked()) return system_error("listen", "a worker that is leaving", ESHUTDOWN);
    if (!may_listen(question)) return system_error("listen", question.name(), EACCES);
    return book_.ask(question, target(worker), worker.accepting());
}

void HandoffMaster::rest() { engine_.rest(); }

void HandoffMaster::inherit(std::string_view text) {
    if (Result<void> taken = book_.inherit(text); !taken) cycle_->log().warn("{}", taken.error().message);
}

void HandoffMaster::close(bool last) {
    engine_.close_all();
    if (last) book_.remove_unix_paths();
    book_.close_sockets();
}

void HandoffMaster::abandon() noexcept {
    engine_.abandon();
    book_.close_sockets();
}

}  // namespace berth

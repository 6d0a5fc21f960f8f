// A worker's life: start, accept, drain, end.
#include "event/process/worker.hpp"

#include <utility>

#include "core/module.hpp"
#include "event/accept/accept_strategy.hpp"
#include "event/accept/front_wake.hpp"
#include "event/accept/handoff_receiver.hpp"
#include "event/accept/lent_sockets.hpp"
#include "event/accept/turn.hpp"
#include "event/events_module.hpp"
#include "event/listening.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/process_conf.hpp"
#include "event/relay.hpp"

namespace berth {

namespace {

constexpr Duration kTick{1000};
// What others are bringing to a worker that leaves is waited for so long, and looked for so often.
constexpr Duration kExpected{1000};
constexpr Duration kLook{5};

// Clients of a front, as they are configured.
std::size_t wanted_clients(const Cycle& cycle) {
    const auto& events = cycle.conf<EventsConf>();
    return events.front_connections.is_set()
               ? *events.front_connections
               : *events.worker_connections * worker_count(cycle.conf<ProcessConf>());
}

FrontCapacity capacity(const Cycle& cycle, ProcessRole role) {
    if (role != ProcessRole::front) return {};
    return FrontCapacity::of(wanted_clients(cycle), free_descriptors());
}

// Where it accepts; null when there is none for its slot.
const Listener* socket_of(const Worker& worker, const Listening::Entry& entry,
                          const ListenerSet::Item& item) {
    const bool proxied = entry.strategy == Strategy::proxy && !worker.is_front();
    if (worker.has_master() && entry.strategy == Strategy::reuseport) return item.group_socket(worker.slot());
    if (worker.has_master() && proxied) return item.private_socket(entry.private_address(worker.slot()));
    return item.listener.get();
}

}  // namespace

Worker::Worker(EventLoop& loop, const Cycle& cycle, WorkerIdentity identity, Scoreboard& scoreboard,
               ScoreboardRow& row, ListenerSet& listeners)
    : loop_(loop),
      cycle_(cycle),
      identity_(identity),
      scoreboard_(scoreboard),
      row_(row),
      listeners_(listeners),
      handoff_(std::make_unique<HandoffReceiver>(*this)),
      capacity_(capacity(cycle, identity.role)),
      // A front has connections to clients and as many to workers.
      connections_(loop, is_front() ? 2 * capacity_.clients : *cycle.conf<EventsConf>().worker_connections,
                   &cycle.log()),
      lent_(std::make_unique<LentSockets>(*this, listeners)),
      leave_(Callback<>::to<&Worker::leave>(*this)),
      idle_drain_(Callback<>::to<&Worker::end_idle_drain>(*this)),
      shutdown_(Callback<>::to<&Worker::end_shutdown>(*this)),
      tick_(Callback<>::to<&Worker::tick>(*this)) {
    const auto& debugged = *cycle.conf<EventsConf>().debug_connection;
    if (!debugged.empty()) connections_.debug(debugged);
    if (is_front()) limit_front();
    thread_pools_.try_emplace("default", std::make_unique<ThreadPool>());
    for (const ThreadPoolConf& pool : *cycle.conf<ProcessConf>().thread_pools) {
        thread_pools_.insert_or_assign(pool.name, std::make_unique<ThreadPool>(pool.threads, pool.queue));
    }
}

Worker::~Worker() {
    // Sessions whose connections are closed end now: modules still have what their requests give back.
    loop_.settle();
    if (started_ && !is_front()) {
        for (const Module* module : modules()) {
            if (module->stop_worker != nullptr) module->stop_worker(*this);
        }
    }
}

void Worker::limit_front() {
    Relay::limit_pipes(capacity_.pipes);
    const std::size_t wanted = wanted_clients(cycle_);
    if (capacity_.clients >= wanted || slot() > 0) return;
    log().warn(
        "{} clients of a front (front_connections) are more than the limit of open files allows: it has room "
        "for {}, others wait to be accepted; worker_rlimit_nofile raises it",
        wanted, capacity_.clients);
}

ThreadPool* Worker::thread_pool(std::string_view name) noexcept {
    auto found = thread_pools_.find(name);
    return found == thread_pools_.end() ? nullptr : found->second.get();
}

Result<void> Worker::start() {
    for (const Module* module : modules()) {
        if (module->start_worker == nullptr || is_front()) continue;
        Result<void> started = module->start_worker(*this);
        if (!started) return started;
    }
    started_ = true;
    row_.state = WorkerState::ready;
    tick_.start(loop_, kTick);
    return {};
}

void Worker::accept_connections() {
    if (draining_ || !acceptors_.empty()) return;
    for (const Callback<>& begun : std::exchange(begun_, {})) begun();
    for (const Listening::Entry& entry : cycle_.conf<Listening>().entries) {
        if (is_front() && entry.strategy != Strategy::proxy) continue;
        ListenerSet::Item* item = listeners_.find(entry.address);
        const Listener* socket = item == nullptr ? nullptr : socket_of(*this, entry, *item);
        const bool listens = socket != nullptr && is_listening(socket->fd());
        if (!listens) log().alert("nothing listens on {}: it is not served", entry.address.to_text());
        if (item == nullptr) continue;
        item->listener->open_session(entry.open, entry.user);
        ListenerCounters& counters = row_.listener(item->index);
        item->count_in(&counters);
        if (listens) accept_by(make_accept_strategy(*this, entry, *item, *socket));
        // What the master had accepted when a reload changed the strategy.
        const bool handed = entry.strategy != Strategy::handoff && !is_front() && has_master();
        if (handed) accept_by(make_handoff_strategy(*this, *item, counters));
    }
}

void Worker::accept_by(std::unique_ptr<AcceptStrategy> acceptor) {
    acceptor->arm();
    acceptors_.push_back(std::move(acceptor));
}

bool Worker::tell_master(MessageType type, std::string_view payload) {
    return master_ != nullptr && master_->send(type, payload);
}

void Worker::take(Message& message) {
    if (message.type == MessageType::watch) return lent_->take(message);
    if (handoff_->take(message)) return;
    for (auto& acceptor : acceptors_) {
        if (acceptor->take(message)) return;
    }
}

void Worker::nudge() {
    for (auto& acceptor : acceptors_) acceptor->nudge();
    lent_->nudge();
}

AcceptTurn& Worker::accept_turn() {
    if (accept_turn_ == nullptr) {
        accept_turn_ = std::make_unique<AcceptTurn>(loop_, scoreboard_.accept_lease(), identity_.id,
                                                    *cycle_.conf<EventsConf>().accept_mutex_delay,
                                                    connections_, Callback<>::to<&Worker::offer_turn>(*this));
    }
    return *accept_turn_;
}

FrontWake& Worker::front_wake() {
    if (front_wake_ == nullptr) {
        front_wake_ = std::make_unique<FrontWake>(loop_, scoreboard_.fronts(), slot(),
                                                  scoreboard_.front_wakers().of(slot()));
    }
    return *front_wake_;
}

void Worker::offer_turn() {
    if (master_ != nullptr && master_->queued() == 0) tell_master(MessageType::nudge, kTurnOffered);
}

void Worker::drain(Drain how, Callback<> ended) {
    const auto& conf = cycle_.conf<ProcessConf>();
    const bool first = !std::exchange(draining_, true);
    at_once_ = at_once_ || how == Drain::at_once;
    ended_ = ended;
    if (first) {
        row_.state = WorkerState::draining;
        stop_accepting();
        connections_.drain();
        leaving_since_ = loop_.now();
        leave();
        idle_drain_.start(loop_, *conf.worker_idle_drain);
        if (conf.worker_shutdown_timeout->count() > 0) shutdown_.start(loop_, *conf.worker_shutdown_timeout);
    }
    if (at_once_) connections_.close_idle();
}

// What was on its way to this worker alone is taken; then nobody brings it anything.
void Worker::leave() {
    const bool late = loop_.now() - leaving_since_ >= kExpected;
    std::erase_if(acceptors_, [&](const auto& acceptor) { return late || !acceptor->expects(); });
    if (!acceptors_.empty()) {
        nudge();
        return leave_.start(loop_, kLook);
    }
    if (left_) std::exchange(left_, Callback<>())();
    connections_.when_empty(Callback<>::to<&Worker::finished>(*this));
}

// No longer watched, the kernel wakes us for nothing more; what it has woken us for already is taken, or it
// would wait until the next connection wakes somebody else. Not when the whole server ends.
void Worker::stop_accepting() {
    for (auto& acceptor : acceptors_) acceptor->pause();
    lent_->pause();
    if (!at_once_) nudge();
    lent_->clear();
}

// From here on idle ones go; connections that had no answer yet are served, unless the server itself ends and
// they have not said a word.
void Worker::end_idle_drain() {
    if (const std::size_t idle = connections_.idle(); idle > 0) {
        count(row_.drain_closed, idle);
        log().info("{} idle connections closed after worker_idle_drain", idle);
        connections_.close_idle();
    }
    if (at_once_) close_unused();
    // Whatever becomes idle later (an outgoing connection that was kept) is not waited for either.
    if (connections_.used() > 0) idle_drain_.start(loop_, kTick);
}

void Worker::close_unused() {
    connections_.for_each([](Connection& connection) {
        if (connection.listener() != nullptr && connection.bytes_received() == 0) connection.close();
    });
}

void Worker::end_shutdown() {
    if (connections_.used() == 0) return;
    std::size_t clients = 0;
    connections_.for_each([&](Connection& connection) { clients += connection.listener() != nullptr; });
    count(row_.shutdown_closed, clients);
    if (clients > 0) log().warn("{} connections closed by worker_shutdown_timeout", clients);
    stop();
}

void Worker::stop() {
    draining_ = true;
    leave_.stop();
    acceptors_.clear();
    lent_->clear();
    // Clients first: what works for them lets go of its connections to backends while those still exist.
    connections_.for_each([](Connection& connection) {
        if (connection.listener() != nullptr) connection.cut_off();
    });
    connections_.for_each([](Connection& connection) { connection.cut_off(); });
}

void Worker::finished() {
    idle_drain_.stop();
    shutdown_.stop();
    tick();
    tick_.stop();
    ended_();
}

void Worker::tick() {
    row_.open.store(connections_.used(), std::memory_order_relaxed);
    row_.idle.store(connections_.idle(), std::memory_order_relaxed);
    row_.evicted.store(connections_.evicted(), std::memory_order_relaxed);
    row_.loop_turns.store(loop_.counters().turns, std::memory_order_relaxed);
    row_.empty_turns.store(loop_.counters().empty_wakeups, std::memory_order_relaxed);
    measure_process(row_.usage);
    log().flush_repeats();
    if (at_once_) connections_.close_idle();  // those that were protected until now (keepalive_min_timeout)
    tick_.start(loop_, kTick);
}

}  // namespace berth

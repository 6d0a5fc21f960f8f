// Accepting, choosing, passing on, and taking back.
#include "event/accept/handoff_engine.hpp"

#include <sys/socket.h>

#include <algorithm>

#include "event/accept/accept_error.hpp"

namespace berth {

namespace {

// Connections accepted on one socket in one go at most, before the others have their turn.
constexpr unsigned kBatch = 64;
// After a failure: what frees descriptors or memory needs time.
constexpr Duration kAgain{100};
// With ip_hash: how long a connection waits for its own worker to have room, before it goes to another one.
constexpr Duration kPatience{500};

}  // namespace

HandoffListener::HandoffListener(HandoffEngine& engine, int fd, std::size_t index, std::string name,
                                 ListenerCounters& counters)
    : engine_(engine),
      index_(index),
      name_(std::move(name)),
      counters_(counters),
      batch_(kBatch),
      watcher_(Callback<Readiness>::to<&HandoffListener::on_ready>(*this), fd),
      hold_(Callback<>::to<&HandoffListener::on_hold_over>(*this)) {}

void HandoffListener::on_ready(Readiness) {
    count(counters_.wakeups);
    ready_ = woken_ = true;
    engine_.look();
}

void HandoffListener::on_hold_over() {
    rejecting_ = true;
    engine_.drop_waiting(*this, "no worker came in time (accept_hold)");
    engine_.look();
}

void HandoffListener::count_descriptors() noexcept {
    const std::size_t held = queue_.size() + undecided_;
    if (held > counted_) count(counters_.descriptors, held - counted_);
    if (held < counted_) uncount(counters_.descriptors, counted_ - held);
    counted_ = held;
}

HandoffEngine::HandoffEngine(EventLoop& loop)
    : loop_(loop),
      work_(Callback<>::to<&HandoffEngine::work>(*this)),
      again_(Callback<>::to<&HandoffEngine::on_again>(*this)),
      tidy_(Callback<>::to<&HandoffEngine::on_tidy>(*this)) {}

HandoffEngine::~HandoffEngine() = default;

void HandoffEngine::configure(const Limits& limits, Log& log) {
    limits_ = limits;
    log_ = &log;
    look();
}

// --- who listens, who serves

HandoffListener& HandoffEngine::open(int fd, std::size_t index, std::string name,
                                     ListenerCounters& counters) {
    listeners_.push_back(std::make_unique<HandoffListener>(*this, fd, index, std::move(name), counters));
    HandoffListener& listener = *listeners_.back();
    listener.ready_ = true;
    without_members(listener);
    look();
    return listener;
}

void HandoffEngine::balance(HandoffListener& listener, AcceptBalance how) {
    if (listener.balancer_.kind() != how) listener.balancer_ = Balancer(how);
}

void HandoffEngine::accept(HandoffListener& listener, bool accepts) {
    if (std::exchange(listener.accepting_, accepts) == accepts) return;
    listener.ready_ = accepts;
    if (!accepts) listener.watcher_.unwatch();
    look();
}

void HandoffEngine::close(HandoffListener& listener) {
    listener.watcher_.unwatch();
    listener.hold_.stop();
    listener.closed_ = true;
    push_all(listener, std::exchange(listener.members_, {}));
    drop_waiting(listener, "its address is served no more");
    look();
}

void HandoffEngine::join(HandoffListener& listener, HandoffTarget& target) {
    if (std::ranges::find(listener.members_, &target) != listener.members_.end()) return;
    listener.members_.push_back(&target);
    listener.hold_.stop();
    listener.rejecting_ = false;
    resting_ = false;
    look();
}

void HandoffEngine::leave(HandoffListener& listener, HandoffTarget& target) {
    if (std::erase(listener.members_, &target) == 0 || !listener.members_.empty()) return;
    push_all(listener, {&target});
    without_members(listener);
}

void HandoffEngine::leave(HandoffTarget& target) {
    target.left_ = true;
    for (auto& listener : listeners_) leave(*listener, target);
    look();
}

void HandoffEngine::ended(HandoffTarget& target) {
    target.collect(*this);
    for (auto& listener : listeners_) {
        if (std::erase(listener->members_, &target) > 0 && listener->members_.empty()) {
            without_members(*listener);
        }
    }
    // Given back from the last to the first, each to the front: they keep their order.
    while (!target.undecided_.empty()) {
        HandedConnection connection = std::move(target.undecided_.back());
        target.undecided_.pop_back();
        give_back(std::move(connection), target);
    }
    Busy::erase(target);
    look();
}

void HandoffEngine::without_members(HandoffListener& listener) {
    if (!listener.closed_ && !resting_ && !ending_) listener.hold_.start(loop_, limits_.hold);
}

void HandoffEngine::rest() {
    resting_ = true;
    for (auto& listener : listeners_) {
        listener->hold_.stop();
        listener->rejecting_ = false;
    }
    look();
}

bool HandoffEngine::waiting() const noexcept {
    return std::ranges::any_of(listeners_, [](const auto& listener) {
        return !listener->queue_.empty() || listener->undecided_ > 0;
    });
}

void HandoffEngine::close_all() {
    ending_ = true;
    again_.stop();
    for (auto& listener : listeners_) {
        listener->watcher_.unwatch();
        listener->hold_.stop();
        listener->closed_ = true;
        push_all(*listener, std::exchange(listener->members_, {}));
        drop_waiting(*listener, "the server ends");
    }
    tidy_soon();
}

void HandoffEngine::abandon() noexcept {
    for (auto& listener : listeners_) listener->queue_.clear();
    while (HandoffTarget* target = busy_.pop_front()) target->undecided_.clear();
}

// --- decisions

void HandoffEngine::decided(HandoffTarget& target, std::uint64_t ticket, bool taken) {
    auto& all = target.undecided_;
    auto found = std::ranges::find(all, ticket, &HandedConnection::ticket);
    if (found == all.end()) return;
    const bool had_room = has_room(target);
    HandedConnection connection = std::move(*found);
    all.erase(found);
    if (all.empty()) Busy::erase(target);
    paused_ = false;
    if (!had_room && std::exchange(target.passed_over_, false)) {
        // It was busy while others were not: it is free only since now.
        for (auto& listener : listeners_) to_the_end(*listener, target);
    }
    if (taken) {
        --connection.listener->undecided_;
    } else {
        give_back(std::move(connection), target);
    }
    look();
}

void HandoffEngine::give_back(HandedConnection connection, HandoffTarget& from) {
    HandoffListener& listener = *connection.listener;
    --listener.undecided_;
    connection.since = loop_.now();
    listener.queue_.push_front(std::move(connection));
    count(listener.counters_.waiting);
    if (listener.closed_) {
        drop_waiting(listener, ending_ ? "the server ends" : "its address is served no more");
    } else if (listener.rejecting_) {
        drop_waiting(listener, "no worker is there");
    } else {
        from.count_redistributed(listener);
    }
}

// `what` may take the target it is given out of busy_, when it has nothing undecided any more.
template <class What>
void HandoffEngine::for_each_busy(What what) {
    Busy all;
    all.splice_back(busy_);
    while (HandoffTarget* target = all.pop_front()) {
        busy_.push_back(*target);
        what(*target);
    }
}

void HandoffEngine::collect() {
    for_each_busy([this](HandoffTarget& target) { target.collect(*this); });
}

bool HandoffEngine::somebody_waits() const noexcept {
    return std::ranges::any_of(listeners_, [&](const auto& listener) {
        return !listener->queue_.empty() || (listener->ready_ && !has_room(*listener));
    });
}

void HandoffEngine::ask_for_decisions() {
    bool some = false;
    for (HandoffTarget& target : busy_) some = target.ask_for_decision() || some;
    if (some) look();
}

void HandoffEngine::tidy_soon() {
    if (!busy_.empty() && !tidy_.armed()) tidy_.start(loop_, kTidy);
}

// Most have decided by now.
void HandoffEngine::on_tidy() {
    collect();
    ask_for_decisions();
    forget_closed();
}

// --- the work

void HandoffEngine::work() {
    collect();
    for (auto& listener : listeners_) {
        if (listener->closed_) continue;
        place_waiting(*listener);
        if (listener->ready_) accept_some(*listener);
    }
    for_each_busy([this](HandoffTarget& target) { send(target); });
    for (auto& listener : listeners_) {
        if (!listener->closed_) watch(*listener);
    }
    if (somebody_waits()) {
        ask_for_decisions();
    } else {
        tidy_soon();
    }
    forget_closed();
}

void HandoffEngine::on_again() {
    paused_ = false;
    work();
}

void HandoffEngine::forget_closed() {
    for (auto& listener : listeners_) listener->count_descriptors();
    if (ending_) return;
    listeners_.remove_if([](const auto& listener) { return listener->closed_ && listener->undecided_ == 0; });
}

bool HandoffEngine::has_room(const HandoffTarget& target) const noexcept {
    return !target.left_ && target.undecided_.size() < limits_.window && !target.full();
}

bool HandoffEngine::has_room(const HandoffListener& listener) const noexcept {
    if (paused_ || listener.closed_ || !listener.accepting_) return false;
    if (listener.rejecting_) return true;
    if (listener.members_.empty()) return false;
    if (listener.queue_.size() < limits_.queue) return true;
    // Whoever waits has looked for room already.
    return listener.queue_.empty() &&
           std::ranges::any_of(listener.members_, [&](const auto* target) { return has_room(*target); });
}

// With ip_hash those behind one that waits for its worker may go on; with the others they may not either.
bool HandoffEngine::may_overtake(const HandoffListener& listener) const noexcept {
    return listener.balancer_.kind() == AcceptBalance::ip_hash;
}

void HandoffEngine::place_waiting(HandoffListener& listener) {
    for (std::size_t i = 0; i < listener.queue_.size();) {
        HandoffTarget* target = choose(listener, listener.queue_[i]);
        if (target == nullptr) {
            if (!may_overtake(listener)) return;
            ++i;
            continue;
        }
        give(std::move(listener.queue_[i]), *target);
        listener.queue_.erase(listener.queue_.begin() + static_cast<std::ptrdiff_t>(i));
        uncount(listener.counters_.waiting);
    }
}

HandoffTarget* HandoffEngine::choose(HandoffListener& listener, const HandedConnection& connection) {
    auto& members = listener.members_;
    if (listener.balancer_.kind() == AcceptBalance::ip_hash) return choose_by_address(listener, connection);
    if (listener.balancer_.kind() == AcceptBalance::round_robin) {
        auto found = std::ranges::find_if(members, [&](const auto* target) { return has_room(*target); });
        if (found == members.end()) return nullptr;
        std::for_each(members.begin(), found, [](auto* target) { target->passed_over_ = true; });
        return *found;
    }
    able_.clear();
    candidates_.clear();
    for (HandoffTarget* target : members) {
        if (!has_room(*target)) continue;
        able_.push_back(target);
        candidates_.push_back({target->slot_, target->open() + target->undecided_.size()});
    }
    return able_.empty() ? nullptr : able_[listener.balancer_.choose(candidates_, connection.peer)];
}

HandoffTarget* HandoffEngine::choose_by_address(HandoffListener& listener,
                                                const HandedConnection& connection) {
    const bool impatient = loop_.now() - connection.since >= kPatience;
    able_.clear();
    candidates_.clear();
    for (HandoffTarget* target : listener.members_) {
        if (target->full() || (impatient && !has_room(*target))) continue;
        able_.push_back(target);
        candidates_.push_back({target->slot_, 0});
    }
    if (able_.empty()) return nullptr;
    HandoffTarget* own = able_[listener.balancer_.choose(candidates_, connection.peer)];
    if (has_room(*own)) return own;
    if (!again_.armed()) again_.start(loop_, kAgain);
    return nullptr;
}

void HandoffEngine::give(HandedConnection connection, HandoffTarget& target) {
    HandoffListener& listener = *connection.listener;
    connection.ticket = ++target.last_ticket_;
    ++listener.undecided_;
    target.undecided_.push_back(std::move(connection));
    ++target.unsent_;
    busy_.push_back(target);
    to_the_end(listener, target);
}

// False when it did not get all that it was given: the rest waits again.
bool HandoffEngine::send(HandoffTarget& target) {
    auto& all = target.undecided_;
    std::size_t unsent = std::exchange(target.unsent_, 0);
    sending_.clear();
    for (std::size_t i = all.size() - unsent; i < all.size(); ++i) sending_.push_back(&all[i]);
    const std::size_t sent = unsent == 0 ? 0 : target.send(sending_);
    for (std::size_t i = 0; i < sent; ++i) count(sending_[i]->listener->counters_.handed);
    if (sent == unsent) return true;
    for (unsent -= sent; unsent > 0; --unsent) {
        HandedConnection connection = std::move(all.back());
        all.pop_back();
        --target.last_ticket_;
        HandoffListener& listener = *connection.listener;
        --listener.undecided_;
        listener.queue_.push_front(std::move(connection));
        count(listener.counters_.waiting);
    }
    if (all.empty()) Busy::erase(target);
    if (!again_.armed()) again_.start(loop_, kAgain);
    return false;
}

void HandoffEngine::to_the_end(HandoffListener& listener, HandoffTarget& target) {
    auto found = std::ranges::find(listener.members_, &target);
    if (found != listener.members_.end()) std::rotate(found, found + 1, listener.members_.end());
}

void HandoffEngine::push_all(HandoffListener& listener, std::vector<HandoffTarget*> members) {
    while (!listener.queue_.empty() && !members.empty()) {
        for (std::size_t turn = 0; !listener.queue_.empty(); ++turn) {
            give(std::move(listener.queue_.front()), *members[turn % members.size()]);
            listener.queue_.pop_front();
            uncount(listener.counters_.waiting);
        }
        std::erase_if(members, [&](HandoffTarget* member) { return !send(*member); });
    }
}

void HandoffEngine::drop_waiting(HandoffListener& listener, std::string_view why) {
    const std::size_t waiting = listener.queue_.size();
    if (waiting == 0) return;
    count(listener.counters_.dropped, waiting);
    uncount(listener.counters_.waiting, waiting);
    listener.queue_.clear();
    log_->error("{} connections to {} that waited for a worker were closed: {}", waiting, listener.name_,
                why);
}

// --- accepting

void HandoffEngine::watch(HandoffListener& listener) {
    if (!has_room(listener)) return listener.watcher_.unwatch();
    // Not at its end yet: it goes on in the next turn. Watched by level, it would say so at once.
    if (listener.ready_) return look();
    if (listener.watcher_.watched()) return;
    Result<void> watched = loop_.watch(listener.watcher_, Trigger::level);
    if (watched) return;
    log_->crit("cannot accept on {} for the moment: {}", listener.name_, watched.error().message);
    pause_accepting();
}

void HandoffEngine::pause_accepting() {
    paused_ = true;
    again_.start(loop_, kAgain);
}

void HandoffEngine::accept_some(HandoffListener& listener) {
    const bool woken = std::exchange(listener.woken_, false);
    const unsigned most = listener.batch_.begin(loop_.counters().turns);
    unsigned done = 0;
    while (done < most && has_room(listener) && accept_one(listener)) ++done;
    if (woken && done == 0 && !listener.ready_) count(listener.counters_.empty_wakeups);
    if (done == most || !listener.ready_) listener.batch_.end(done);
    // What is left is reported again, while the socket is watched.
    if (done == most && has_room(listener)) listener.ready_ = false;
}

// False when there is nothing more to accept now.
bool HandoffEngine::accept_one(HandoffListener& listener) {
    sockaddr_storage from;
    socklen_t length = sizeof(from);
    auto* peer = reinterpret_cast<sockaddr*>(&from);
    const int fd = ::accept4(listener.fd(), peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return accept_failed(listener, errno);
    count(listener.counters_.accepted);
    take_in(listener, FileDescriptor(fd), Address::from_sockaddr(peer, length));
    if (fd < limits_.descriptors) return true;
    log_->crit("{} descriptors are in use: no connections are accepted for the moment", fd);
    return pause_accepting(), false;
}

bool HandoffEngine::accept_failed(HandoffListener& listener, int error_number) {
    if (error_number == EAGAIN) return listener.ready_ = false;
    if (is_about_connection(error_number)) return true;
    count(listener.counters_.failures);
    log_->crit("{}", system_error("accept4", listener.name_, error_number).message);
    return pause_accepting(), false;
}

void HandoffEngine::take_in(HandoffListener& listener, FileDescriptor fd, Address peer) {
    if (listener.rejecting_) {
        count(listener.counters_.dropped);
        return log_->error("a connection to {} was closed: no worker is there", listener.name_);
    }
    HandedConnection connection{std::move(fd), std::move(peer), &listener, 0, loop_.now()};
    const bool its_turn = listener.queue_.empty() || may_overtake(listener);
    HandoffTarget* target = its_turn ? choose(listener, connection) : nullptr;
    if (target != nullptr) return give(std::move(connection), *target);
    listener.queue_.push_back(std::move(connection));
    count(listener.counters_.waiting);
}

}  // namespace berth

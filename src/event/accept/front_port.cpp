// Choosing a worker, and waiting for one.
#include "event/accept/front_port.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "event/accept/accept_strategy.hpp"
#include "event/accept/front_wake.hpp"
#include "event/process/process_conf.hpp"

namespace berth {

namespace {

// Between two looks at what is waited for, where nobody tells.
constexpr Duration kTryAgain{20};
constexpr Duration kEver = std::chrono::years(10);
// With ip_hash: a worker that has no room, and has taken nothing for so long, is stuck.
constexpr Duration kPatience{500};
constexpr std::uint32_t kNoWindow = ~std::uint32_t{0};

}  // namespace

void FrontPort::Slot::linked() noexcept {
    ++open;
    count(counters.descriptors);
}

void FrontPort::Slot::unlinked() noexcept {
    --open;
    uncount(counters.descriptors);
}

FrontPort::FrontPort(Worker& front, const Listening::Entry& entry, const ListenerSet::Item& item)
    : front_(front),
      entry_(entry),
      listener_(*item.listener),
      index_(item.index),
      counters_(front.row().listener(item.index)),
      balancer_(entry.balance),
      workers_(worker_count(front.cycle().conf<ProcessConf>())),
      retry_(Callback<>::to<&FrontPort::on_retry>(*this)),
      look_(Callback<>::to<&FrontPort::on_retry>(*this)) {
    front.front_wake().add(Callback<>::to<&FrontPort::look_again>(*this));
}

Duration FrontPort::idle_time() const {
    const Duration time = *conf().front_idle_timeout;
    return time == Duration::zero() ? kEver : time;
}

Address FrontPort::local_of(Connection& client) const {
    const Address& served = listener_.address();
    return served.is_unix() || !served.is_wildcard() ? served : client.local();
}

// --- choosing

void FrontPort::learn_slots() {
    while (slots_.size() < board().slots.load()) {
        const auto number = static_cast<unsigned>(slots_.size());
        slots_.push_back({entry_.private_address(number), counters_});
        order_.insert(order_.begin(), number);
    }
}

// More than its configuration says there are by SIGTTIN.
bool FrontPort::has_address(unsigned slot) noexcept {
    if (front_.scoreboard().is_closed(index_, front_.generation())) return false;
    return slot < workers_ || board().places[slot].generation.load() == front_.generation();
}

bool FrontPort::is_served(unsigned slot) noexcept {
    const std::uint64_t worker = board().places[slot].worker.load();
    return worker != 0 && worker != slots_[slot].absent && has_address(slot);
}

bool FrontPort::is_strict() noexcept { return !board().keeps_secret && !front_.draining(); }

// A worker that is alone has no others who would be better off: what it holds when it dies is its
// successor's, as that has the same socket.
std::uint32_t FrontPort::own_window() noexcept {
    const auto counts = [&](unsigned slot) { return has_address(slot); };
    const bool alone = workers_ == 1 && std::ranges::count_if(order_, counts) <= 1;
    return alone ? kMostHandoffWindow : *conf().handoff_window;
}

// A front that leaves brings the workers, which leave next, all that it has: they look into their sockets
// once more. Beside another binary, whose workers take what is counted here and bring what is not, a strict
// window would hold connections back that nobody has: then those with the fewest have room.
std::uint32_t FrontPort::window() noexcept {
    if (is_strict()) return own_window();
    if (front_.draining() || by_address()) return kNoWindow;
    std::uint32_t fewest = kNoWindow - 1;
    for (const unsigned slot : order_) {
        if (is_served(slot)) fewest = std::min(fewest, board().places[slot].waiting());
    }
    return std::max(fewest + 1, own_window());
}

// One that nobody has looked at for long is not known to be.
bool FrontPort::is_stuck(unsigned slot, std::uint32_t most) noexcept {
    const FrontBoard::Place& place = board().places[slot];
    Slot& known = slots_[slot];
    const TimePoint now = front_.loop().now();
    const std::uint32_t taken = place.taken.load();
    const bool moves = place.waiting() < most || taken != known.taken || now - known.looked >= kPatience;
    if (moves) known.moved = now;
    known.looked = now;
    known.taken = taken;
    return now - known.moved >= kPatience;
}

FrontPort::Choice FrontPort::choose(const Address& client, const std::vector<unsigned>& but) {
    learn_slots();
    const std::uint32_t most = window();
    const auto has_room = [&](unsigned slot) { return board().places[slot].waiting() < most; };
    Choice choice;
    candidates_.clear();
    for (const unsigned slot : order_) {
        if (!is_served(slot)) continue;
        choice.somebody = choice.somebody || !slots_[slot].failing;
        if (std::ranges::find(but, slot) != but.end()) continue;
        if (by_address() ? is_stuck(slot, most) : !has_room(slot)) continue;
        candidates_.push_back({slot, slots_[slot].open});
    }
    somebody_ = choice.somebody;
    if (!choice.somebody && candidates_.empty()) {
        for (Slot& slot : slots_) slot.absent = 0;  // perhaps by now it is there
    }
    if (candidates_.empty()) return choice;
    const auto chosen = static_cast<unsigned>(candidates_[balancer_.choose(candidates_, client)].slot);
    // An address has one worker, and waits until that one has room.
    if (!has_room(chosen)) return choice;
    const auto at = std::ranges::find(order_, chosen);
    std::rotate(at, at + 1, order_.end());
    choice.slot = chosen;
    return choice;
}

bool FrontPort::offer(unsigned slot) noexcept {
    return board().places[slot].offer(is_strict() ? own_window() : kNoWindow);
}

bool FrontPort::failed(unsigned slot, std::uint64_t worker, int error_number) {
    // As a full backlog says: of a unix socket by EAGAIN, of a TCP one by silence.
    const bool full = error_number == EAGAIN || error_number == ETIMEDOUT;
    if (error_number == EAGAIN) return full;
    const bool absent = error_number == ENOENT || error_number == ECONNREFUSED;
    slots_[slot].absent = absent ? worker : 0;
    if (std::exchange(slots_[slot].failing, true)) return full;
    front_.log().error("{}", system_error("connect", slots_[slot].address.to_text(), error_number).message);
    return full;
}

// --- waiting

void FrontPort::hold(FrontWaiter& waiter, bool first) {
    if (!std::exchange(waiter.waits, true)) {
        ++waiting_;
        first ? held_.push_front(waiter) : held_.push_back(waiter);
        look_again();  // at the end of the turn, in which room may come about
    }
    regulate();
}

void FrontPort::release(FrontWaiter& waiter) noexcept {
    if (!std::exchange(waiter.waits, false)) return;
    waiter.hook.unlink();
    --waiting_;
    regulate();
}

void FrontPort::lost() {
    count(counters_.dropped);
    front_.log().error("a connection to {} was closed while it waited for a worker",
                       listener_.address().to_text());
}

void FrontPort::short_of(int error_number) {
    short_ = true;
    say_short(error_number);
}

void FrontPort::say_short(int error_number) {
    if (std::exchange(said_short_, true)) return;
    count(counters_.failures);
    front_.log().crit("{}: connections to {} wait", system_error("connect", "a worker", error_number).message,
                      listener_.address().to_text());
}

std::size_t FrontPort::most_waiting() const noexcept {
    return std::max<std::size_t>(*conf().handoff_queue, 1);
}

bool FrontPort::overfull() const noexcept { return short_ || waiting_ >= most_waiting(); }

std::size_t FrontPort::room() noexcept {
    if (overfull()) return 0;
    if (front_.draining()) return ~std::size_t{0};
    return most_waiting() - waiting_;
}

void FrontPort::regulate() noexcept {
    if (waiting_ == 0) short_ = said_short_ = false;
    if (acceptor_ == nullptr) return;
    if (overfull()) {
        acceptor_->pause();
        // The kernel may have woken this front alone: others look at what is left.
        if (!std::exchange(paused_, true)) front_.pass_on();
    } else if (paused_ && waiting_ <= *conf().handoff_queue / 2) {
        paused_ = false;
        acceptor_->resume();
    }
}

void FrontPort::look_again() noexcept {
    if (waiting_ > 0) front_.loop().post(retry_);
}

void FrontPort::on_retry() {
    look_.stop();
    place_waiting();
    if (waiting_ == 0) return;
    ask();
    place_waiting();  // somebody may have taken one meanwhile
    if (waiting_ > 0) look_.start(front_.loop(), kTryAgain);
}

// In their order: when no worker has room for the first, none has for the others. But with ip_hash each may
// wait for another one; and when there are no workers, each has to know, as that ends it after accept_hold.
void FrontPort::place_waiting() {
    short_ = false;
    Waiters all;
    all.splice_back(held_);
    while (FrontWaiter* waiter = all.pop_front()) {
        held_.push_back(*waiter);
        waiter->try_again();
        if (waiter->waits && (short_ || (somebody_ && !by_address()))) break;
    }
    held_.splice_back(all);
}

void FrontPort::ask() noexcept {
    for (const unsigned slot : order_) {
        if (is_served(slot)) front_.front_wake().ask(slot);
    }
}

}  // namespace berth

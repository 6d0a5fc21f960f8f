// Who watches, turn by turn.
#include "event/accept/turn.hpp"

#include <algorithm>

namespace berth {

AcceptTurn::AcceptTurn(EventLoop& loop, AcceptLease& lease, std::uint64_t worker, Duration delay,
                       const ConnectionPool& connections, Callback<> passed_on) noexcept
    : loop_(loop),
      lease_(lease),
      worker_(worker),
      delay_(std::max(delay, kShortest)),
      connections_(connections),
      passed_on_(passed_on),
      due_(Callback<>::to<&AcceptTurn::on_due>(*this)) {
    loop_.observe(this);
}

AcceptTurn::~AcceptTurn() {
    loop_.observe(nullptr);
    lease_.release(worker_);
}

void AcceptTurn::join(Member& member) {
    members_.push_back(&member);
    if (mine_) member.turn_began();
}

// Without members there is nothing to watch for.
void AcceptTurn::leave(Member& member) noexcept {
    std::erase(members_, &member);
    if (!members_.empty()) return;
    mine_ = false;
    due_.stop();
    lease_.release(worker_);
}

unsigned AcceptTurn::most(unsigned wanted) const noexcept {
    const std::size_t free = connections_.free();
    const std::size_t below = free > reserve() ? free - reserve() : 1;
    return static_cast<unsigned>(std::min<std::size_t>(wanted, below));
}

void AcceptTurn::accepted() noexcept {
    to_pass_ = reserve() - std::min(reserve(), connections_.free());
    if (mine_) lease_.release(worker_);
}

void AcceptTurn::after_wait(std::span<const ReadyEvent> ready) {
    if (!mine_) return;
    const bool connection_waits = std::ranges::any_of(ready, [&](const ReadyEvent& event) {
        return std::ranges::any_of(members_,
                                   [&](const Member* m) { return m->watched_socket() == event.fd; });
    });
    if (!connection_waits) lease_.release(worker_);
}

void AcceptTurn::before_wait() {
    if (members_.empty()) return;
    const TimePoint now = loop_.now();
    if (let_pass()) {
        if (mine_) end();
        return;
    }
    const bool mine = lease_.take(worker_, now, delay_ * kDelaysOfLease);
    if (mine && !mine_) begin();
    if (!mine && mine_) end();
    // Renewed in time; or tried again, at the deadline of a worker that has not renewed it.
    const TimePoint again = mine ? now + delay_ : std::min(now + delay_, std::max(lease_.deadline(), now));
    const bool in_time = due_.armed() && due_.deadline() <= again && due_.deadline() > now;
    if (!in_time) due_.start_at(loop_, again);
}

// True while this worker is too full to want its turn.
bool AcceptTurn::let_pass() noexcept {
    if (to_pass_ == 0) {
        passing_ = false;
        return false;
    }
    // New connections make turns that do not wait, in which nobody else could have had his.
    if (!loop_.busy()) --to_pass_;
    if (!passing_) {
        passing_ = true;
        lease_.release(worker_);
        due_.start(loop_, delay_);
        passed_on_();
        return true;
    }
    if (due_.armed()) return true;
    to_pass_ = 0;
    passing_ = false;
    return false;
}

// From the last to the first: one that cannot watch leaves from inside.
void AcceptTurn::begin() {
    mine_ = true;
    for (std::size_t i = members_.size(); i-- > 0;) members_[i]->turn_began();
}

void AcceptTurn::end() noexcept {
    mine_ = false;
    for (Member* member : members_) member->turn_ended();
}

}  // namespace berth

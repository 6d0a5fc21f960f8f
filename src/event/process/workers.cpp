// Forking workers, and the book kept of them.
#include "event/process/workers.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "event/accept/proxy.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/worker_process.hpp"

namespace berth {

namespace {

// A front that has not ceased to accept by then is stuck.
constexpr Duration kFrontsLeave{1000};

}  // namespace

WorkerHandle::WorkerHandle(Workers& owner, WorkerIdentity identity, ScoreboardRow& row) noexcept
    : owner_(owner),
      identity_(identity),
      row_(row),
      child_(Callback<int>::to<&WorkerHandle::on_ended>(*this)),
      start_limit_(Callback<>::to<&WorkerHandle::on_start_limit>(*this)) {}

bool WorkerHandle::send(MessageType type, std::string_view payload, std::span<const int> fds) {
    return channel_ != nullptr && channel_->send(type, payload, fds);
}

void WorkerHandle::leave() {
    if (std::exchange(leaving_, true)) return;
    if (online_ && !is_front()) owner_.sharing_.worker_leaving(*this);
}

void WorkerHandle::drain(Drain how) {
    asked_ = true;
    leave();
    send(MessageType::quit, how == Drain::at_once ? "now" : "polite");
}

void WorkerHandle::terminate() {
    asked_ = true;
    leave();
    signal(SIGTERM);
}

void WorkerHandle::on_message(Message& message) {
    if (message.type == MessageType::ready && !ready()) {
        ready_at_ = owner_.loop_.now();
        start_limit_.stop();
        owner_.events_.ready(*this);
    } else if (message.type == MessageType::disconnect) {
        reason_ = message.payload;
        leave();
        left_ = true;
        if (is_front()) {
            owner_.drain_workers();
            owner_.sharing_.front_gone(*this);
        } else {
            owner_.sharing_.take(*this, message);
        }
        owner_.events_.left(*this);
    } else if (is_front()) {
        if (message.type == MessageType::nudge) owner_.sharing_.front_gone(*this);
    } else if (!owner_.sharing_.take(*this, message) && message.type == MessageType::nudge) {
        owner_.sharing_.overloaded(*this);
    }
}

void WorkerHandle::on_start_limit() {
    signal(SIGKILL);
    owner_.events_.stuck(*this);
}

void WorkerHandle::on_ended(int status) { owner_.ended(*this, status); }

Workers::Workers(EventLoop& loop, ListenerSet& listeners, Scoreboard& scoreboard,
                 WorkerEvents events) noexcept
    : loop_(loop),
      listeners_(listeners),
      scoreboard_(scoreboard),
      events_(events),
      sharing_(loop, *this, listeners, scoreboard),
      fronts_late_(Callback<>::to<&Workers::on_fronts_late>(*this)),
      bury_(Callback<>::to<&Workers::bury>(*this)) {}

Result<void> Workers::spawn(Generation& generation, unsigned slot, ProcessRole role) {
    if (role == ProcessRole::front) {
        scoreboard_.fronts().make_secret(generation.number());
    } else if (auto bound = listeners_.provide(generation.cycle->conf<Listening>(), slot); !bound) {
        return bound;
    }
    scoreboard_.front_wakers().provide(front_count(*generation.cycle));
    Result<Channel::Ends> ends = Channel::make_ends();
    if (!ends) return ends.error();
    WorkerIdentity identity{slot, ++last_id_, generation.number(), role};
    ScoreboardRow* row = scoreboard_.take(slot, identity.id, identity.generation, role);
    if (row == nullptr) return Error("too many worker processes: " + std::to_string(Scoreboard::kRows));
    listeners_.name_in(scoreboard_);
    auto worker = std::make_unique<WorkerHandle>(*this, identity, *row);
    const pid_t master = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) {
        const int error_number = errno;
        scoreboard_.give_back(*row);
        return system_error("fork", "", error_number);
    }
    if (pid == 0) {
        ends->master.reset();
        run_child(generation, *worker, std::move(ends->child), master);
    }
    row->pid = pid;
    worker->pid_ = pid;
    worker->child_.watch(loop_, pid);
    worker->channel_ = std::make_unique<Channel>(loop_, std::move(ends->master),
                                                 Callback<Message&>::to<&WorkerHandle::on_message>(*worker),
                                                 Callback<>::to<&WorkerHandle::on_closed>(*worker));
    Result<void> watched = worker->channel_->start();
    worker->start_limit_.start(loop_, *generation.cycle->conf<ProcessConf>().worker_start_timeout);
    generation.log->notice("start {} process {}", to_text(role), pid);
    if (!watched) worker->signal(SIGKILL);  // a worker nobody hears is none: its end is handled as any
    all_.push_back(std::move(worker));
    return {};
}

void Workers::run_child(Generation& generation, WorkerHandle& worker, FileDescriptor channel, pid_t master) {
    loop_.abandon_after_fork();
    events_.in_child(generation);
    abandon();
    worker.row_.pid = ::getpid();
    const int code = run_worker_process({*generation.cycle, listeners_, scoreboard_, worker.row_,
                                         worker.identity_, std::move(channel), master});
    // The master's objects, of which this process has a copy, are not this process's to destroy.
    ::_exit(code);
}

std::size_t Workers::count(std::uint64_t generation, ProcessRole role) const noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(all_, [&](const auto& worker) {
        const WorkerIdentity& is = worker->identity_;
        return is.generation == generation && is.role == role && !worker->asked_;
    }));
}

bool Workers::all_ready(std::uint64_t generation) const noexcept {
    return std::ranges::all_of(all_, [&](const auto& worker) {
        return worker->identity_.generation != generation || worker->ready();
    });
}

bool Workers::all_of(std::uint64_t generation) const noexcept {
    return std::ranges::all_of(
        all_, [&](const auto& worker) { return worker->identity_.generation == generation; });
}

bool Workers::has_other_fronts(std::uint64_t generation) const noexcept {
    return std::ranges::any_of(all_, [&](const auto& worker) {
        return worker->is_front() && worker->identity_.generation != generation;
    });
}

bool Workers::others_left(std::uint64_t generation) const noexcept {
    return std::ranges::all_of(all_, [&](const auto& worker) {
        return worker->identity_.generation == generation || worker->left_;
    });
}

std::size_t Workers::forget_others(std::uint64_t generation) noexcept {
    std::size_t count = 0;
    for (auto& worker : all_) {
        if (worker->identity_.generation != generation && !std::exchange(worker->left_, true)) ++count;
    }
    return count;
}

void Workers::put_online(WorkerHandle& worker) {
    if (worker.asked_) return;
    worker.online_ = true;
    worker.send(MessageType::online);
    if (!worker.is_front()) sharing_.worker_online(worker);
}

void Workers::drain_all(Drain how) { drain_fronts(0, how, {}); }

void Workers::drain_other_generations(std::uint64_t but, Callback<> drained) {
    drain_fronts(but, Drain::politely, drained);
}

void Workers::drain_fronts(std::uint64_t but, Drain how, Callback<> drained) {
    for (auto& front : all_) {
        const bool told = front->asked_ && how == Drain::politely;
        if (front->is_front() && front->identity_.generation != but && !told) front->drain(how);
    }
    // Who waited for the one before is told with this one, which comes later and asks for more.
    if (!drained && pending_) drained = pending_->drained;
    pending_ = {but, how, drained};
    fronts_late_.start(loop_, kFrontsLeave);
    drain_workers();
}

// Once no front is left that might have chosen one of them.
void Workers::drain_workers() {
    if (!pending_) return;
    const std::uint64_t but = pending_->but;
    const bool waits =
        fronts_late_.armed() && std::ranges::any_of(all_, [&](const auto& front) {
            return front->is_front() && front->online_ && !front->left_ && front->identity_.generation != but;
        });
    if (waits) return;
    fronts_late_.stop();
    const PendingDrain due = *std::exchange(pending_, std::nullopt);
    for (auto& worker : all_) {
        const bool told = worker->asked_ && due.how == Drain::politely;
        if (!worker->is_front() && worker->identity_.generation != but && !told) worker->drain(due.how);
    }
    if (due.drained) due.drained();
}

// Its timer has fired: a front that is stuck holds nobody up.
void Workers::on_fronts_late() { drain_workers(); }

void Workers::terminate_all() {
    for (auto& worker : all_) worker->terminate();
}

void Workers::kill(std::uint64_t generation) noexcept {
    for (auto& worker : all_) {
        if (worker->identity_.generation != generation) continue;
        worker->asked_ = true;
        worker->signal(SIGKILL);
    }
}

void Workers::kill_all() noexcept {
    for (auto& worker : all_) worker->signal(SIGKILL);
}

void Workers::send_all(MessageType type, std::string_view payload, std::span<const int> fds) {
    for (auto& worker : all_) worker->send(type, payload, fds);
}

void Workers::ended(WorkerHandle& worker, int status) {
    worker.channel_->read_rest();
    if (!worker.is_front()) sharing_.worker_ended(worker);
    worker.lost_ = scoreboard_.count_lost(worker.row_);
    scoreboard_.give_back(worker.row_);
    auto found = std::ranges::find(all_, &worker, &std::unique_ptr<WorkerHandle>::get);
    if (found != all_.end()) dead_.splice(dead_.end(), all_, found);
    worker.channel_->close();
    worker.start_limit_.stop();
    loop_.post(bury_);
    if (worker.is_front()) front_ended(worker);
    events_.ended(worker, status);
}

void Workers::front_ended(WorkerHandle& front) {
    const std::uint64_t generation = front.identity_.generation;
    const bool others = std::ranges::any_of(all_, [&](const auto& other) {
        return other->is_front() && other->identity_.generation == generation;
    });
    if (!others && front.asked_) scoreboard_.fronts().forget_secret(generation);
    drain_workers();
    sharing_.front_gone(front);
}

void Workers::poll() {
    std::vector<WorkerHandle*> now;
    for (auto& worker : all_) now.push_back(worker.get());
    for (WorkerHandle* worker : now) worker->child_.poll();
}

void Workers::abandon() noexcept {
    for (auto& worker : all_) {
        worker->child_.abandon();
        if (worker->channel_ != nullptr) worker->channel_->close();
    }
    sharing_.abandon();
}

void Workers::bury() { dead_.clear(); }

}  // namespace berth

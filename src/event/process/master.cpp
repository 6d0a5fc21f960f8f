// The master's daily work: signals, commands, workers that come and go.
#include "event/process/master.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "core/log/log_file.hpp"
#include "core/system/process_title.hpp"
#include "event/accept/proxy.hpp"
#include "event/accept/worker_listen.hpp"
#include "event/listening.hpp"
#include "event/process/runtime_files.hpp"
#include "event/process/startup.hpp"
#include "event/process/upgrade.hpp"

namespace berth {

namespace {

constexpr Duration kTick{1000};

}  // namespace

Master::Master(EventLoop& loop, Program& program, std::unique_ptr<Generation> first, ListenerSet& listeners,
               Scoreboard& scoreboard, PidFile& pid_file)
    : loop_(loop),
      program_(program),
      current_(std::move(first)),
      listeners_(listeners),
      scoreboard_(scoreboard),
      pid_file_(pid_file),
      parent_(::getppid()),
      signals_(loop, Callback<const SignalEvent&>::to<&Master::on_signal>(*this)),
      control_(loop, Callback<const ControlRequest&>::to<&Master::on_control>(*this)),
      commands_(loop, control_),
      workers_(loop, listeners, scoreboard,
               {Callback<WorkerHandle&>::to<&Master::on_worker_ready>(*this),
                Callback<WorkerHandle&>::to<&Master::on_worker_stuck>(*this),
                Callback<WorkerHandle&>::to<&Master::on_worker_left>(*this),
                Callback<WorkerHandle&, int>::to<&Master::on_worker_ended>(*this),
                Callback<Generation&>::to<&Master::in_child>(*this)}),
      respawn_timer_(Callback<>::to<&Master::respawn_missing>(*this)),
      kill_timer_(Callback<>::to<&Master::kill_rest>(*this)),
      tick_(Callback<>::to<&Master::tick>(*this)),
      last_generation_(current_->number()),
      ready_limit_(Callback<>::to<&Master::on_ready_limit>(*this)),
      switch_limit_(Callback<>::to<&Master::on_switch_limit>(*this)),
      new_binary_(Callback<int>::to<&Master::on_new_binary_ended>(*this)) {}

Result<void> Master::run(const std::function<Result<void>()>& announce) {
    if (Result<void> started = signals_.start(); !started) return started;
    const std::string path = control_path(*current_->cycle);
    control_.limit(*conf().control_clients, *conf().control_timeout, log());
    if (!path.empty()) {
        if (Result<void> listens = control_.listen(path); !listens) log().warn("{}", listens.error().message);
    }
    if (Result<void> announced = announce(); !announced) return control_.close(), announced;
    set_process_title("berth: master process " + program_.command_line());
    wanted_ = worker_count(conf());
    respawn_.configure(*conf().worker_respawn_delay);
    wanted_fronts_ = front_count(*current_->cycle);
    listeners_.serve(current_->cycle->conf<Listening>());
    ScoreboardRow& row = scoreboard_.master();
    row.generation = current_->number();
    row.state = WorkerState::ready;
    row.pid = ::getpid();
    workers_.sharing().serve(*current_->cycle);
    workers_.sharing().inherit(program_.asked);
    workers_.sharing().started_with(program_.given);
    start_workers();
    tick_.start(loop_, kTick);
    commands_.use(*current_->cycle);
    loop_.run();

    control_.close();
    pid_file_.remove();
    // While another binary serves the same unix sockets, their paths are its.
    if (!shares_sockets()) {
        listeners_.remove_unix_paths(true);
        remove_worker_folder(*current_->cycle);
    }
    log().notice("exit");
    end_despite_thread(reload_ != nullptr || commands_.at_work(), log());
    return {};
}

void Master::on_signal(const SignalEvent& signal) {
    if (signal.number == SIGCHLD) {
        workers_.poll();
        return new_binary_.poll();
    }
    if (is_casual(signal)) return;
    log().notice("signal {} ({}) received from {}", signal.number, signal_name(signal.number), signal.sender);
    switch (signal.number) {
        case SIGTERM:
        case SIGINT: return stop();
        case SIGQUIT: return quit();
        case SIGHUP: return reload(0);
        case SIGUSR1: return reopen();
        case SIGUSR2: return upgrade();
        case SIGWINCH: return stop_workers();
        case SIGTTIN: return add_worker();
        case SIGTTOU: return remove_worker();
        default: return;
    }
}

void Master::on_control(const ControlRequest& request) {
    obey(control_, request,
         {log(), Callback<std::uint64_t>::to<&Master::reload>(*this), status(),
          Callback<>::to<&Master::reopen>(*this), Callback<>::to<&Master::stop>(*this),
          Callback<>::to<&Master::quit>(*this),
          Callback<const ControlRequest&>::to<&Commands::ask>(commands_)});
}

std::string Master::status() const {
    std::string text = fmt::format("generation {}, {} of {} workers\n", current_->number(),
                                   workers_.count(current_->number()), wanted_);
    if (respawn_.failures() > 0 && !missing_.empty()) {
        text += fmt::format("{} workers wait to be replaced: {} died early\n", missing_.size(),
                            respawn_.failures());
    }
    for (const auto& worker : const_cast<Workers&>(workers_).all()) {
        const WorkerIdentity& is = worker->identity();
        text += fmt::format("{} {} (generation {}) pid {} {}\n", to_text(is.role), is.slot, is.generation,
                            worker->pid(),
                            worker->asked()   ? "draining"
                            : worker->ready() ? "ready"
                                              : "starting");
    }
    return text;
}

// --- ending

void Master::quit() {
    if (ending_ != Ending::no) return;
    ending_ = Ending::gracefully;
    log().notice("gracefully shutting down");
    commands_.close();
    workers_.drain_all(Drain::at_once);
    workers_.sharing().close(!shares_sockets());
    listeners_.close();
    finish_when_empty();
}

void Master::stop() {
    if (ending_ == Ending::fast) return;
    ending_ = Ending::fast;
    commands_.close();
    workers_.terminate_all();
    workers_.sharing().close(!shares_sockets());
    listeners_.close();
    kill_timer_.start(loop_, *conf().worker_kill_timeout);
    finish_when_empty();
}

void Master::kill_rest() {
    log().alert("{} worker processes have not ended within {} ms: killed", workers_.all().size(),
                conf().worker_kill_timeout->count());
    workers_.kill_all();
    kill_timer_.start(loop_, *conf().worker_kill_timeout);
}

// The thread of a reload has to come back before the loop may go, unless there is no time for that.
void Master::finish_when_empty() {
    if (ending_ == Ending::no || !workers_.empty()) return;
    if (reload_ == nullptr || ending_ == Ending::fast) loop_.stop();
}

void Master::tick() {
    ScoreboardRow& row = scoreboard_.master();
    measure_process(row.usage);
    row.loop_turns.store(loop_.counters().turns, std::memory_order_relaxed);
    row.empty_turns.store(loop_.counters().empty_wakeups, std::memory_order_relaxed);
    log().flush_repeats();
    note_sharing();
    if (workers_stopped_ && ending_ == Ending::no) serve_stranded();
    tick_.start(loop_, kTick);
}

// After SIGWINCH a connection may come back: its worker was killed before it had begun on it. A worker is
// started for such, and told to end when there are none.
void Master::serve_stranded() {
    const bool needed = workers_.sharing().stranded();
    const bool there = workers_.count(current_->number()) > 0;
    if (!there) workers_.sharing().rest();
    if (needed && !there) {
        log().notice("connections have come back: a worker is started for them");
        start_worker({ProcessRole::worker, 0});
    } else if (!needed && there) {
        workers_.drain_all(Drain::politely);
        workers_.sharing().rest();
    }
}

// --- logs

void Master::reopen() {
    log().notice("reopening logs");
    reopen_again_ = reload_ != nullptr || candidate_ != nullptr;
    auto& files = current_->cycle->own<RuntimeFiles>();
    Result<void> logs = log().reopen();
    if (!logs) log().emerg("{}", logs.error().message);
    Result<void> reopened = files.reopen(*current_->cycle);
    if (!reopened) log().emerg("{}", reopened.error().message);
    redirect_standard_error(log());

    std::vector<std::string> paths = log().paths();
    for (const auto& file : files.logs) paths.push_back(file.path);
    for (const std::string& path : paths) {
        Result<FileDescriptor> file = open_log_file(path);
        if (file) workers_.send_all(MessageType::reopen, path, std::array{file->get()});
    }
}

// --- workers

void Master::start_workers() {
    for (unsigned slot = 0; slot < wanted_; ++slot) start_worker({ProcessRole::worker, slot});
    for (unsigned slot = 0; slot < wanted_fronts_; ++slot) start_worker({ProcessRole::front, slot});
}

unsigned Master::wanted(ProcessRole role) const noexcept {
    return role == ProcessRole::front ? wanted_fronts_ : wanted_;
}

void Master::start_worker(const Place& place) {
    // Before it begins: it shows the number itself.
    if (place.died) scoreboard_.count_restart(place.role, place.slot);
    Result<void> spawned = workers_.spawn(*current_, place.slot, place.role);
    if (spawned) return;
    if (place.died) scoreboard_.uncount_restart(place.role, place.slot);
    log().alert("{}", spawned.error().message);
    start_worker_after(std::max(respawn_.died(loop_.now(), std::nullopt), RespawnPolicy::kStep), place);
}

void Master::note_missing() noexcept {
    scoreboard_.missing().store(missing_.size(), std::memory_order_relaxed);
}

// Who waits already does not wait longer because of another.
void Master::start_worker_after(Duration wait, const Place& place) {
    missing_.push_back(place);
    note_missing();
    if (!respawn_timer_.armed()) respawn_timer_.start(loop_, wait);
}

void Master::on_worker_ready(WorkerHandle& worker) {
    const std::uint64_t generation = worker.identity().generation;
    if (candidate_ == nullptr || generation != candidate_->number()) return put_online(worker);
    if (workers_.all_ready(generation) && workers_.count(generation) > 0) commit();
}

void Master::put_online(WorkerHandle& worker) {
    if (worker.asked()) return;
    if (worker.is_front()) return workers_.put_online(worker);
    if (Result<void> listens = listeners_.listen_slot(worker.identity().slot); !listens) {
        log().alert("{}", listens.error().message);
    }
    workers_.put_online(worker);
}

void Master::on_worker_stuck(WorkerHandle& worker) {
    log().alert("{} process {} is not ready within worker_start_timeout: killed",
                to_text(worker.identity().role), worker.pid());
}

void Master::on_worker_ended(WorkerHandle& worker, int status) {
    const WorkerIdentity& is = worker.identity();
    // One that was asked to end may have needed a signal for it; everything else is a crash.
    const bool by_us = worker.asked() && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGKILL);
    const LogLevel level = WIFSIGNALED(status) && !by_us ? LogLevel::alert : LogLevel::notice;
    log().at(level, nullptr, "{} process {} {}", to_text(is.role), worker.pid(), describe_exit(status));
    if (worker.lost() > 0) {
        log().at(level, nullptr, "{} connections of {} process {} are lost with it", worker.lost(),
                 to_text(is.role), worker.pid());
    }
    if (ending_ != Ending::no) return finish_when_empty();
    if (worker.is_front()) retire_sockets(shares_sockets());
    finish_switch();
    if (workers_.all_of(current_->number())) listeners_.reuse_indices();
    if (worker.asked()) return;
    count(scoreboard_.deaths());
    if (candidate_ != nullptr && is.generation == candidate_->number()) {
        std::string why = fmt::format("{} process {} {} before it was ready", to_text(is.role), worker.pid(),
                                      describe_exit(status));
        if (!worker.reason().empty()) why += ": " + worker.reason();
        return reject(why);
    }
    if (is.generation == current_->number() && !workers_stopped_) replace(worker);
}

void Master::replace(WorkerHandle& worker) {
    const unsigned slot = worker.identity().slot;
    const ProcessRole role = worker.identity().role;
    if (slot >= wanted(role)) return;
    std::optional<Duration> ready_for;
    if (worker.ready()) ready_for = loop_.now() - worker.ready_at();
    const Duration wait = respawn_.died(loop_.now(), ready_for);
    if (wait == Duration(0)) return start_worker({role, slot, true});
    log().warn("{} {} died early, {} times now: its replacement waits {} ms", to_text(role), slot,
               respawn_.failures(), wait.count());
    start_worker_after(wait, {role, slot, true});
}

void Master::respawn_missing() {
    const auto missing = std::exchange(missing_, {});
    note_missing();
    for (const Place& place : missing) {
        const bool is_wanted = place.slot < wanted(place.role);
        if (is_wanted && ending_ == Ending::no && !workers_stopped_) start_worker(place);
    }
}

void Master::add_worker() {
    if (ending_ != Ending::no || workers_stopped_) return;
    std::string why = why_not_so_many(current_->cycle->conf<Listening>(), wanted_ + 1);
    if (wanted_ >= kMostWorkers) why = fmt::format("{} are the most", kMostWorkers);
    if (!why.empty()) return log().warn("{} workers, and no further one: {}", wanted_, why);
    start_worker({ProcessRole::worker, wanted_++});
    log().notice("{} workers now", wanted_);
}

void Master::remove_worker() {
    if (ending_ != Ending::no || workers_stopped_ || wanted_ <= 1) return;
    --wanted_;
    std::erase_if(missing_, [&](const Place& is) { return is.slot >= wanted(is.role); });
    note_missing();
    for (auto& worker : workers_.all()) {
        const WorkerIdentity& is = worker->identity();
        const bool surplus = is.generation == current_->number() && is.slot >= wanted(is.role);
        if (surplus && !worker->asked()) {
            worker->drain(Drain::politely);
        }
    }
    log().notice("{} workers now", wanted_);
}

void Master::stop_workers() {
    if (ending_ != Ending::no) return;
    workers_stopped_ = true;
    missing_.clear();
    note_missing();
    log().notice("stopping the workers; SIGHUP starts them again");
    // Reloads that were asked for before this are given up with the one that is under way.
    reload_again_ = false;
    clients_.insert(clients_.end(), next_clients_.begin(), next_clients_.end());
    next_clients_.clear();
    if (candidate_ != nullptr) reject("the workers were told to stop");
    give_up_reload_ = reload_ != nullptr;
    workers_.drain_all(Drain::politely);
    workers_.sharing().rest();
}

void Master::in_child(Generation& own) {
    if (&own != current_.get()) current_->abandon();
    if (candidate_ != nullptr && &own != candidate_.get()) candidate_->abandon();
    signals_.close();
    control_.abandon();
    pid_file_.abandon();
    new_binary_.abandon();
}

}  // namespace berth

// One process, no master: the same commands, in place.
#include "event/process/single.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include "event/listening.hpp"
#include "event/process/process_conf.hpp"
#include "event/process/runtime_files.hpp"
#include "event/process/startup.hpp"

namespace berth {

Single::Served::Served(Single& its_owner, std::unique_ptr<Generation> its_generation, ScoreboardRow& its_row)
    : generation(std::move(its_generation)),
      row{its_owner.scoreboard_, its_row},
      worker(its_owner.loop_, *generation->cycle,
             WorkerIdentity{0, generation->number(), generation->number()}, its_owner.scoreboard_, its_row,
             its_owner.listeners_),
      owner(its_owner) {
    row.row.pid = ::getpid();
}

void Single::Served::on_ended() {
    ended = true;
    owner.loop_.post(owner.bury_);
}

Single::Single(EventLoop& loop, Program& program, std::unique_ptr<Generation> first, ListenerSet& listeners,
               Scoreboard& scoreboard, PidFile& pid_file)
    : loop_(loop),
      program_(program),
      listeners_(listeners),
      scoreboard_(scoreboard),
      pid_file_(pid_file),
      first_(std::move(first)),
      signals_(loop, Callback<const SignalEvent&>::to<&Single::on_signal>(*this)),
      control_(loop, Callback<const ControlRequest&>::to<&Single::on_control>(*this)),
      commands_(loop, control_),
      last_generation_(first_->number()),
      bury_(Callback<>::to<&Single::bury>(*this)) {}

Single::~Single() = default;

Result<void> Single::run(const std::function<Result<void>()>& announce) {
    if (Result<void> started = signals_.start(); !started) return started;
    const std::string path = control_path(*first_->cycle);
    const auto& conf = first_->cycle->conf<ProcessConf>();
    control_.limit(*conf.control_clients, *conf.control_timeout, *first_->log);
    if (Result<void> serving = serve(std::move(first_)); !serving) return serving;
    if (!path.empty()) {
        if (Result<void> listens = control_.listen(path); !listens) log().warn("{}", listens.error().message);
    }
    if (Result<void> announced = announce(); !announced) return control_.close(), announced;
    commands_.use(*served_.back()->generation->cycle);
    loop_.run();
    control_.close();
    pid_file_.remove();
    listeners_.remove_unix_paths(true);
    log().notice("exit");
    end_despite_thread(reload_ != nullptr || commands_.at_work(), log());
    return {};
}

// The old worker lets go of the sockets before the new one takes them: a loop watches a descriptor once.
Result<void> Single::serve(std::unique_ptr<Generation> generation) {
    ScoreboardRow* row = scoreboard_.take(0, generation->number(), generation->number());
    if (row == nullptr) return Error("too many generations are still draining");
    listeners_.name_in(scoreboard_, Strategy::shared);
    auto next = std::make_unique<Served>(*this, std::move(generation), *row);
    if (Result<void> started = next->worker.start(); !started) return started;
    for (auto& old : served_) old->worker.drain(Drain::politely, Callback<>::to<&Served::on_ended>(*old));
    served_.push_back(std::move(next));
    served_.back()->worker.accept_connections();
    return {};
}

void Single::on_signal(const SignalEvent& signal) {
    if (is_casual(signal)) return;
    log().notice("signal {} ({}) received from {}", signal.number, signal_name(signal.number), signal.sender);
    switch (signal.number) {
        case SIGTERM:
        case SIGINT: return stop();
        case SIGQUIT: return quit();
        case SIGHUP: return reload(0);
        case SIGUSR1: return reopen();
        case SIGUSR2:
            return log().notice(
                "no binary upgrade: with \"master_process off\" nobody hands the sockets over");
        case SIGWINCH:
        case SIGTTIN:
        case SIGTTOU:
            return log().notice(
                "nothing is done: with \"master_process off\" there are no workers to stop, add or remove");
        default: return;
    }
}

void Single::on_control(const ControlRequest& request) {
    obey(control_, request,
         {log(), Callback<std::uint64_t>::to<&Single::reload>(*this),
          fmt::format("generation {}, a single process, {} generations draining\n",
                      served_.back()->worker.generation(), served_.size() - 1),
          Callback<>::to<&Single::reopen>(*this), Callback<>::to<&Single::stop>(*this),
          Callback<>::to<&Single::quit>(*this),
          Callback<const ControlRequest&>::to<&Commands::ask>(commands_)});
}

void Single::reload(std::uint64_t client) {
    if (ending_) return control_.answer(client, "the server is shutting down", false);
    if (client != 0) clients_.push_back(client);
    if (reload_ != nullptr) {
        reload_again_ = true;
        return;
    }
    log().notice("reconfiguring");
    commands_.hold();
    CycleOptions options = program_.options;
    options.generation = ++last_generation_;
    reload_ = std::make_unique<Reload>(loop_, std::move(options), Callback<>::to<&Single::on_loaded>(*this));
}

void Single::on_loaded() {
    std::unique_ptr<Reload> loaded = std::move(reload_);
    if (ending_) return loop_.post(bury_);
    if (std::exchange(reload_again_, false)) return reload(0);  // what was asked for last counts, for all
    const LoadReport& report = loaded->report();
    for (const std::string& line : report.lines) {
        log().at(report.failed ? LogLevel::emerg : LogLevel::warn, nullptr, "{}", line);
    }
    std::string text = report.text;
    bool success = false;
    if (std::unique_ptr<Generation> generation = loaded->take()) {
        Result<void> done = listeners_.prepare(generation->cycle->conf<Listening>());
        if (done) done = serve(std::move(generation));
        success = done.ok();
        if (!success) text = done.error().message;
    }
    Generation& current = *served_.back()->generation;
    count(success ? scoreboard_.reloads() : scoreboard_.failed_reloads());
    const auto& listening = current.cycle->conf<Listening>();
    listeners_.retire(listening);
    if (success) {
        const auto& conf = current.cycle->conf<ProcessConf>();
        control_.limit(*conf.control_clients, *conf.control_timeout, log());
        if (Result<void> applied = listeners_.apply_options(listening); !applied) {
            log().error("{}", applied.error().message);
        }
        redirect_standard_error(log());
        text += fmt::format("generation {} active", current.number());
        log().notice("generation {} active", current.number());
    } else {
        log().error("configuration not applied; generation {} goes on", current.number());
    }
    for (const std::uint64_t waiting : std::exchange(clients_, {})) control_.answer(waiting, text, success);
    commands_.use(*current.cycle);
}

void Single::reopen() {
    log().notice("reopening logs");
    if (Result<void> done = log().reopen(); !done) log().emerg("{}", done.error().message);
    for (const auto& served : served_) {
        const Cycle& cycle = *served->generation->cycle;
        Result<void> done = served->generation->cycle->own<RuntimeFiles>().reopen(cycle);
        if (!done) log().emerg("{}", done.error().message);
    }
    redirect_standard_error(log());
}

void Single::quit() {
    if (std::exchange(ending_, true)) return;
    log().notice("gracefully shutting down");
    commands_.close();
    for (auto& served : served_)
        served->worker.drain(Drain::at_once, Callback<>::to<&Served::on_ended>(*served));
    listeners_.close();
}

void Single::stop() {
    ending_ = true;
    fast_ = true;
    commands_.close();
    for (auto& served : served_) {
        served->worker.stop();
        served->ended = true;
    }
    listeners_.close();
    loop_.post(bury_);
}

// The last one stays: it has the log.
void Single::bury() {
    while (served_.size() > 1) {
        auto ended = served_.begin();
        while (ended != std::prev(served_.end()) && !(*ended)->ended) ++ended;
        if (ended == std::prev(served_.end())) break;
        const std::unique_ptr<Served> gone = std::move(*ended);  // its end may lead here again
        served_.erase(ended);
    }
    if (served_.size() == 1) listeners_.forget();
    if (ending_ && served_.size() == 1 && served_.back()->ended && (reload_ == nullptr || fast_))
        loop_.stop();
}

}  // namespace berth

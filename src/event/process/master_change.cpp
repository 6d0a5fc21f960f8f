// How the master changes what it runs: reload and binary upgrade.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "event/accept/proxy.hpp"
#include "event/listening.hpp"
#include "event/process/master.hpp"
#include "event/process/startup.hpp"
#include "event/process/upgrade.hpp"

namespace berth {

// --- reload

void Master::reload(std::uint64_t client) {
    if (ending_ != Ending::no) return control_.answer(client, "the server is shutting down", false);
    if (reload_ != nullptr || candidate_ != nullptr || switching_) {
        reload_again_ = true;
        if (client != 0) next_clients_.push_back(client);
        return;
    }
    if (client != 0) clients_.push_back(client);
    if (workers_stopped_ && new_binary_.pid() != 0) {
        // The way back from an upgrade: what ran before runs again.
        log().notice("starting the workers again");
        workers_stopped_ = false;
        start_workers();
        return end_reload(fmt::format("generation {} active again", current_->number()), true);
    }
    log().notice("reconfiguring");
    commands_.hold();
    CycleOptions options = program_.options;
    options.generation = ++last_generation_;
    reload_ = std::make_unique<Reload>(loop_, std::move(options), Callback<>::to<&Master::on_loaded>(*this));
}

void Master::on_loaded() {
    std::unique_ptr<Reload> loaded = std::move(reload_);
    if (ending_ != Ending::no) return finish_when_empty();
    if (std::exchange(give_up_reload_, false)) return reject("the workers were told to stop");
    const LoadReport& report = loaded->report();
    for (const std::string& line : report.lines) {
        log().at(report.failed ? LogLevel::emerg : LogLevel::warn, nullptr, "{}", line);
    }
    candidate_ = loaded->take();
    if (candidate_ == nullptr) return reject(report.text);
    warnings_ = report.text;
    if (Result<void> started = start_candidate(); !started) return reject(started.error().message);
    ready_limit_.start(loop_, *candidate_->cycle->conf<ProcessConf>().worker_start_timeout);
}

Result<void> Master::start_candidate() {
    const unsigned count = worker_count(candidate_->cycle->conf<ProcessConf>());
    if (auto bound = listeners_.prepare(candidate_->cycle->conf<Listening>(), count); !bound) return bound;
    for (unsigned slot = 0; slot < count; ++slot) {
        if (Result<void> spawned = workers_.spawn(*candidate_, slot); !spawned) return spawned;
    }
    note_sharing();
    for (unsigned slot = 0; slot < front_count(*candidate_->cycle); ++slot) {
        Result<void> spawned = workers_.spawn(*candidate_, slot, ProcessRole::front);
        if (!spawned) return spawned;
    }
    return {};
}

void Master::commit() {
    ready_limit_.stop();
    current_ = std::move(candidate_);
    wanted_ = worker_count(conf());
    wanted_fronts_ = front_count(*current_->cycle);
    workers_stopped_ = false;
    missing_.clear();
    note_missing();
    respawn_.configure(*conf().worker_respawn_delay);
    control_.limit(*conf().control_clients, *conf().control_timeout, log());
    const std::uint64_t generation = current_->number();
    const auto& listening = current_->cycle->conf<Listening>();
    listeners_.serve(listening);
    listeners_.name_in(scoreboard_);  // by the strategies that are in force from here on
    workers_.sharing().serve(*current_->cycle);
    // The new ones accept before the old ones cease.
    for (auto& worker : workers_.all()) {
        if (worker->identity().generation == generation) put_online(*worker);
    }
    switching_ = true;
    switch_limit_.start(loop_, *conf().worker_switch_timeout);
    workers_.drain_other_generations(generation, Callback<>::to<&Master::finish_commit>(*this));
}

// The fronts of the old generation have ceased to accept, or there were none: nobody needs the old sockets.
void Master::finish_commit() {
    const std::uint64_t generation = current_->number();
    const auto& listening = current_->cycle->conf<Listening>();
    if (Result<void> applied = listeners_.apply_options(listening); !applied) {
        log().error("{}", applied.error().message);
    }
    retire_sockets(shares_sockets());
    redirect_standard_error(log());
    take_new_paths();
    count(scoreboard_.reloads());
    scoreboard_.master().generation = generation;
    finish_switch();
}

// What the configuration in force does not want, and no front that still lives.
void Master::retire_sockets(bool keep_paths) {
    if (candidate_ != nullptr || workers_.drain_pending()) return;
    const auto& wanted = current_->cycle->conf<Listening>();
    for (const ListenerSet::Item& item : listeners_.items()) {
        if (wanted.find(item.address) == nullptr) scoreboard_.close_listener(item.index, current_->number());
    }
    listeners_.retire(wanted, keep_paths, workers_.has_other_fronts(current_->number()));
    listeners_.forget();
}

// The new generation is active when the old one accepts no more, by its own word: then nobody gets an answer
// of the old one on a connection that was made after this.
void Master::finish_switch() {
    if (!switching_ || workers_.drain_pending() || !workers_.others_left(current_->number())) return;
    switching_ = false;
    switch_limit_.stop();
    const std::string text = fmt::format("generation {} active", current_->number());
    log().notice("{}", text);
    end_reload(warnings_ + text, true);
}

void Master::on_switch_limit() {
    log().warn("{} old workers have not said within worker_switch_timeout that they accept no more",
               workers_.forget_others(current_->number()));
    finish_switch();
}

void Master::reject(const std::string& why) {
    ready_limit_.stop();
    count(scoreboard_.failed_reloads());
    if (candidate_ != nullptr) {
        log().emerg("{}", why);
        workers_.kill(candidate_->number());
        candidate_.reset();
        retire_sockets(false);  // what was bound for the candidate alone
    }
    log().error("configuration not applied; generation {} goes on", current_->number());
    end_reload(why, false);
}

void Master::on_ready_limit() { reject("the new workers are not ready in time"); }

void Master::end_reload(const std::string& text, bool success) {
    if (std::exchange(reopen_again_, false) && success) reopen();
    for (const std::uint64_t client : std::exchange(clients_, {})) control_.answer(client, text, success);
    if (!std::exchange(reload_again_, false)) return commands_.use(*current_->cycle);
    clients_ = std::exchange(next_clients_, {});
    reload(0);
}

// The pid file and the control socket go where the new configuration wants them; during an upgrade they stay.
void Master::take_new_paths() {
    if (new_binary_.pid() != 0) return;
    if (const std::string path = pid_path(*current_->cycle); path != pid_file_.path()) {
        Result<PidFile> file = PidFile::create(path);
        if (file) {
            pid_file_.remove();
            pid_file_ = *std::move(file);
        } else {
            log().emerg("{}", file.error().message);
        }
    }
    const std::string control = control_path(*current_->cycle);
    if (control == control_.path()) return;
    if (control.empty()) return control_.stop_listening();
    if (Result<void> listens = control_.listen(control); !listens) log().warn("{}", listens.error().message);
}

// --- upgrade

bool Master::has_living_parent() const { return program_.inherited && ::getppid() == parent_; }

void Master::upgrade() {
    if (ending_ != Ending::no) return;
    if (new_binary_.pid() != 0)
        return log().notice("the new binary is running already: {}", new_binary_.pid());
    if (has_living_parent())
        return log().notice("no upgrade while the old binary, {}, is still there", parent_);
    log().notice("changing binary");
    const std::string pid = pid_file_.path();
    if (Result<void> renamed = pid_file_.rename(pid + kOldSuffix); !renamed) {
        return log().alert("{}", renamed.error().message);
    }
    control_.rename(control_.path() + kOldSuffix);
    scoreboard_.fronts().keeps_secret = true;
    Result<pid_t> started =
        start_new_binary(program_, listeners_, workers_.sharing(), scoreboard_.fronts().newest_secret());
    if (started) {
        log().notice("start new binary process {}", *started);
        return new_binary_.watch(loop_, *started);
    }
    log().alert("{}", started.error().message);
    on_new_binary_ended(0);
}

// Fronts of two binaries that serve the same sockets have the same secret.
void Master::note_sharing() {
    if (shares_sockets()) {
        scoreboard_.fronts().keeps_secret = true;
    } else if (scoreboard_.fronts().keeps_secret) {
        workers_.sharing().alone();
    }
}

// The new one is gone: this is the server again.
void Master::on_new_binary_ended(int status) {
    workers_.sharing().alone();
    log().notice("new binary process {}", describe_exit(status));
    auto original = [](const std::string& path) {
        const std::string_view suffix = kOldSuffix;
        return path.ends_with(suffix) ? path.substr(0, path.size() - suffix.size()) : path;
    };
    if (Result<void> renamed = pid_file_.rename(original(pid_file_.path())); !renamed) {
        log().alert("{}", renamed.error().message);
    }
    control_.rename(original(control_.path()));
    if (!workers_stopped_ || ending_ != Ending::no) return;
    log().notice("starting the workers again");
    workers_stopped_ = false;
    start_workers();
}

}  // namespace berth

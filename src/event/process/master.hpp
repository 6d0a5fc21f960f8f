// Master: binds, starts workers, supervises them, and changes them for new ones. It reads nothing a client
// sends.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "event/process/commands.hpp"
#include "event/process/control.hpp"
#include "event/process/pid_file.hpp"
#include "event/process/program.hpp"
#include "event/process/reload.hpp"
#include "event/process/signals.hpp"
#include "event/process/workers.hpp"

namespace berth {

class Master {
 public:
    // Everything outlives the master. The sockets of `first` are bound, the pid file is written, signals are
    // taken over.
    Master(EventLoop& loop, Program& program, std::unique_ptr<Generation> first, ListenerSet& listeners,
           Scoreboard& scoreboard, PidFile& pid_file);
    Master(const Master&) = delete;
    Master& operator=(const Master&) = delete;

    // Serves until it is told to end, and cleans up. `announce` is called once everything is open that others
    // may look for, and writes the pid file. An error means that it could not begin.
    Result<void> run(const std::function<Result<void>()>& announce);

 private:
    enum class Ending : std::uint8_t { no, gracefully, fast };

    Log& log() { return *current_->log; }
    const ProcessConf& conf() const { return current_->cycle->conf<ProcessConf>(); }

    // What may come from outside.
    void on_signal(const SignalEvent& signal);
    void on_control(const ControlRequest& request);
    void quit();
    void stop();
    void reopen();
    void add_worker();
    void remove_worker();
    void stop_workers();
    void serve_stranded();
    std::string status() const;

    // Workers.
    struct Place {
        ProcessRole role;
        unsigned slot;
        bool died = false;  // there was one in its place
    };
    void start_workers();
    void start_worker(const Place& place);
    void on_worker_ready(WorkerHandle& worker);
    void put_online(WorkerHandle& worker);
    void on_worker_stuck(WorkerHandle& worker);
    void on_worker_ended(WorkerHandle& worker, int status);
    void replace(WorkerHandle& worker);
    void note_missing() noexcept;
    void start_worker_after(Duration wait, const Place& place);
    unsigned wanted(ProcessRole role) const noexcept;
    void respawn_missing();
    void in_child(Generation& own);

    // Reload: load, start, wait until all are ready, switch, wait until the old ones accept no more.
    void reload(std::uint64_t client);
    void on_loaded();
    Result<void> start_candidate();
    void commit();
    void finish_commit();
    void retire_sockets(bool keep_paths);
    void reject(const std::string& why);
    void on_ready_limit();
    void on_worker_left(WorkerHandle&) { finish_switch(); }
    void finish_switch();
    void on_switch_limit();
    void end_reload(const std::string& text, bool success);
    void take_new_paths();

    // Upgrade.
    void upgrade();
    void on_new_binary_ended(int status);
    bool has_living_parent() const;
    bool shares_sockets() const { return new_binary_.pid() != 0 || has_living_parent(); }

    void note_sharing();

    void finish_when_empty();
    void kill_rest();
    void tick();

    EventLoop& loop_;
    Program& program_;
    std::unique_ptr<Generation> current_;
    ListenerSet& listeners_;
    Scoreboard& scoreboard_;
    PidFile& pid_file_;
    const pid_t parent_;
    SignalSource signals_;
    ControlServer control_;
    Commands commands_;
    Workers workers_;
    RespawnPolicy respawn_;
    Ending ending_ = Ending::no;
    unsigned wanted_ = 0;  // how many workers there should be
    unsigned wanted_fronts_ = 0;
    bool workers_stopped_ = false;  // SIGWINCH
    std::vector<Place> missing_;    // who waits for the end of a back-off
    Timer respawn_timer_;
    Timer kill_timer_;
    Timer tick_;

    std::uint64_t last_generation_;
    std::unique_ptr<Reload> reload_;
    std::unique_ptr<Generation> candidate_;
    std::string warnings_;
    Timer ready_limit_;
    bool switching_ = false;  // the new generation accepts, and the old one may still
    Timer switch_limit_;
    std::vector<std::uint64_t> clients_;       // of the control socket, waiting for this reload
    std::vector<std::uint64_t> next_clients_;  // for the one after it
    bool reload_again_ = false;
    bool reopen_again_ = false;    // logs that are being opened may have been rotated meanwhile
    bool give_up_reload_ = false;  // the workers were stopped while it was loading

    Child new_binary_;
};

}  // namespace berth

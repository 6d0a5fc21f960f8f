// Single: `master_process off`: one process that serves by itself, for development and debuggers.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <vector>

#include "event/process/commands.hpp"
#include "event/process/control.hpp"
#include "event/process/generation.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/pid_file.hpp"
#include "event/process/program.hpp"
#include "event/process/reload.hpp"
#include "event/process/scoreboard.hpp"
#include "event/process/signals.hpp"
#include "event/process/worker.hpp"

namespace berth {

// A reload puts a new Worker in the old one's place, which drains on the same loop. There is no upgrade, and
// nobody replaces this process when it dies.
class Single {
 public:
    // As for Master.
    Single(EventLoop& loop, Program& program, std::unique_ptr<Generation> first, ListenerSet& listeners,
           Scoreboard& scoreboard, PidFile& pid_file);
    ~Single();

    Result<void> run(const std::function<Result<void>()>& announce);

 private:
    struct RowLease {
        Scoreboard& scoreboard;
        ScoreboardRow& row;
        ~RowLease() { scoreboard.give_back(row); }
    };
    // A worker with what it serves; the members die in the right order.
    struct Served {
        std::unique_ptr<Generation> generation;
        RowLease row;
        Worker worker;
        bool ended = false;

        Served(Single& owner, std::unique_ptr<Generation> its_generation, ScoreboardRow& its_row);
        void on_ended();
        Single& owner;
    };

    Log& log() { return *served_.back()->generation->log; }
    Result<void> serve(std::unique_ptr<Generation> generation);
    void on_signal(const SignalEvent& signal);
    void on_control(const ControlRequest& request);
    void reload(std::uint64_t client);
    void on_loaded();
    void reopen();
    void quit();
    void stop();
    void bury();

    EventLoop& loop_;
    Program& program_;
    ListenerSet& listeners_;
    Scoreboard& scoreboard_;
    PidFile& pid_file_;
    std::unique_ptr<Generation> first_;
    SignalSource signals_;
    ControlServer control_;
    Commands commands_;
    bool ending_ = false;
    bool fast_ = false;  // not even a reload's thread is waited for
    std::uint64_t last_generation_;
    std::unique_ptr<Reload> reload_;
    std::vector<std::uint64_t> clients_;
    bool reload_again_ = false;
    std::list<std::unique_ptr<Served>> served_;  // the current one is the last
    Task bury_;
};

}  // namespace berth

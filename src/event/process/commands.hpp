// Commands: what modules are asked over the control socket, one after the other.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "core/command.hpp"
#include "event/loop.hpp"
#include "event/process/control.hpp"

namespace berth {

class Cycle;

// A command changes what the configuration in use has in memory, and perhaps a file that the next one reads.
// While another configuration is loaded, commands wait: none is lost between the two.
class Commands final : private RemoteTask {
 public:
    Commands(EventLoop& loop, ControlServer& server) noexcept : loop_(loop), server_(server) {}
    // Waits for the thread of a command that is not finished.
    ~Commands() override;

    void ask(const ControlRequest& request);
    // From now on under this configuration, which outlives the next of these calls.
    void use(Cycle& cycle);
    void hold() noexcept { cycle_ = nullptr; }
    // Whoever waits is refused, and so is whoever comes.
    void close();
    bool at_work() const noexcept { return work_ != nullptr; }

 private:
    struct Asked {
        std::uint64_t client = 0;
        std::string line;
        std::string who;
    };

    void run() override;
    void abandoned() noexcept override {}
    void go_on();
    void begin();
    void finish();
    void give_up();
    void settle(CommandAnswer answer);

    EventLoop& loop_;
    ControlServer& server_;
    Cycle* cycle_ = nullptr;
    bool closed_ = false;
    std::deque<Asked> waiting_;
    Asked asked_;  // what `work_` is for
    std::unique_ptr<CommandWork> work_;
    bool waited_ = false;  // the thread has done its part
    std::thread thread_;
};

}  // namespace berth

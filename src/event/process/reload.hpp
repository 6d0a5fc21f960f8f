// Reload: loads the next configuration on a thread of its own, while the master goes on with its work.
#pragma once

#include <memory>
#include <thread>

#include "event/loop.hpp"
#include "event/process/generation.hpp"

namespace berth {

class Reload : private RemoteTask {
 public:
    // `loaded` is called on the loop when it is done; it may destroy the Reload. Destroying it earlier waits
    // for the thread.
    Reload(EventLoop& loop, CycleOptions options, Callback<> loaded);
    ~Reload() override;

    // After `loaded`: null when the report says why.
    std::unique_ptr<Generation> take() { return std::move(generation_); }
    const LoadReport& report() const noexcept { return report_; }

 private:
    void run() override { loaded_(); }
    void abandoned() noexcept override {}

    Callback<> loaded_;
    LoadReport report_;
    std::unique_ptr<Generation> generation_;
    std::thread thread_;
};

// The last step of a process that was told to end at once: when a helper thread is still at work, perhaps
// stuck in the file system, ends the process with code 0 without waiting for it.
void end_despite_thread(bool at_work, Log& log);

}  // namespace berth

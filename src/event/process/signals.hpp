// SignalSource: signals as events of the loop.
#pragma once

#include <sys/signalfd.h>

#include <string_view>

#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/loop.hpp"

namespace berth {

// A signal that arrived. `by_terminal` tells one that the kernel's terminal driver sent (a window was
// resized, a background job wrote) from one that somebody sent on purpose.
struct SignalEvent {
    int number = 0;
    int sender = 0;
    bool by_terminal = false;
};

// "HUP" of SIGHUP.
std::string_view signal_name(int number) noexcept;

// Whether the terminal sent it to everybody who uses it: a window was resized, a background job wrote. Not
// meant for a server.
bool is_casual(const SignalEvent& signal) noexcept;

// Blocks the server's signals (TERM INT QUIT HUP USR1 USR2 WINCH TTIN TTOU CHLD) for this and all later
// threads, gives them handlers also where they were inherited as ignored, and ignores PIPE. Called before the
// first thread.
void take_over_signals() noexcept;

// Before an exec of another program: everything as a fresh process has it.
void release_signals() noexcept;

// One for each process; a forked child makes its own (close() the parent's first).
class SignalSource {
 public:
    SignalSource(EventLoop& loop, Callback<const SignalEvent&> received) noexcept;
    Result<void> start();
    void close() noexcept;

 private:
    void on_ready(Readiness);

    EventLoop& loop_;
    Callback<const SignalEvent&> received_;
    FileDescriptor fd_;
    Watcher watcher_;
};

}  // namespace berth

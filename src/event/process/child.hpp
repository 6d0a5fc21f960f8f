// Child: a process the master has started, and how it learns of its end.
#pragma once

#include <sys/types.h>

#include "core/system/file_descriptor.hpp"
#include "event/loop.hpp"

namespace berth {

// Watches a child by its pidfd (pidfd_open(2)); where the kernel has none, poll() must be called at each
// SIGCHLD.
class Child {
 public:
    // `ended` gets the status of waitpid(2), once.
    explicit Child(Callback<int> ended) noexcept;
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    // Takes charge of a process that was just forked by this thread.
    void watch(EventLoop& loop, pid_t pid) noexcept;
    // 0 before watch() and after the end.
    pid_t pid() const noexcept { return pid_; }
    void signal(int number) const noexcept;
    // Asks whether it has ended.
    void poll();
    // In a forked sibling: closes the descriptor.
    void abandon() noexcept;

 private:
    void on_ready(Readiness) { poll(); }

    Callback<int> ended_;
    pid_t pid_ = 0;
    FileDescriptor fd_;
    Watcher watcher_;
};

// "exited with code 0", "exited on signal 9 (core dumped)".
std::string describe_exit(int status);

}  // namespace berth

// Children by pidfd, or by asking.
#include "event/process/child.hpp"

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace berth {

Child::Child(Callback<int> ended) noexcept
    : ended_(ended), watcher_(Callback<Readiness>::to<&Child::on_ready>(*this)) {}

void Child::watch(EventLoop& loop, pid_t pid) noexcept {
    pid_ = pid;
    fd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (!fd_) return;
    watcher_.set_fd(fd_.get());
    // Without the watch SIGCHLD tells.
    static_cast<void>(loop.watch(watcher_, Trigger::level));
}

void Child::signal(int number) const noexcept {
    // Not yet waited for, the id cannot be somebody else's.
    if (pid_ > 0) ::kill(pid_, number);
}

void Child::poll() {
    int status = 0;
    if (pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return;
    abandon();
    ended_(status);
}

void Child::abandon() noexcept {
    watcher_.unwatch();
    fd_.reset();
    pid_ = 0;
}

std::string describe_exit(int status) {
    if (WIFEXITED(status)) return "exited with code " + std::to_string(WEXITSTATUS(status));
    std::string text = "exited on signal " + std::to_string(WTERMSIG(status));
    if (WCOREDUMP(status)) text += " (core dumped)";
    return text;
}

}  // namespace berth

// signalfd(2), and the dispositions around it.
#include "event/process/signals.hpp"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

namespace berth {

namespace {

constexpr int kSignals[] = {SIGTERM, SIGINT,   SIGQUIT, SIGHUP,  SIGUSR1,
                            SIGUSR2, SIGWINCH, SIGTTIN, SIGTTOU, SIGCHLD};

sigset_t our_signals() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : kSignals) ::sigaddset(&set, number);
    return set;
}

void never_called(int) {}

void set_handler(int number, void (*handler)(int)) {
    struct sigaction action {};
    action.sa_handler = handler;
    ::sigemptyset(&action.sa_mask);
    ::sigaction(number, &action, nullptr);
}

}  // namespace

std::string_view signal_name(int number) noexcept {
    const char* name = ::sigabbrev_np(number);
    return name != nullptr ? name : "?";
}

bool is_casual(const SignalEvent& signal) noexcept {
    const bool of_terminals =
        signal.number == SIGWINCH || signal.number == SIGTTIN || signal.number == SIGTTOU;
    return of_terminals && signal.by_terminal;
}

void take_over_signals() noexcept {
    const sigset_t set = our_signals();
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    for (const int number : kSignals) set_handler(number, never_called);
    set_handler(SIGPIPE, SIG_IGN);
}

void release_signals() noexcept {
    for (const int number : kSignals) set_handler(number, SIG_DFL);
    set_handler(SIGPIPE, SIG_DFL);
    const sigset_t set = our_signals();
    ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

SignalSource::SignalSource(EventLoop& loop, Callback<const SignalEvent&> received) noexcept
    : loop_(loop), received_(received), watcher_(Callback<Readiness>::to<&SignalSource::on_ready>(*this)) {}

Result<void> SignalSource::start() {
    const sigset_t set = our_signals();
    fd_.reset(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
    if (!fd_) return system_error("signalfd", "", errno);
    watcher_.set_fd(fd_.get());
    return loop_.watch(watcher_, Trigger::level);
}

void SignalSource::close() noexcept {
    watcher_.unwatch();
    fd_.reset();
}

void SignalSource::on_ready(Readiness) {
    signalfd_siginfo info;
    while (fd_ && ::read(fd_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
        SignalEvent event;
        event.number = static_cast<int>(info.ssi_signo);
        event.sender = static_cast<int>(info.ssi_pid);
        event.by_terminal = info.ssi_code == SI_KERNEL;
        received_(event);
    }
}

}  // namespace berth

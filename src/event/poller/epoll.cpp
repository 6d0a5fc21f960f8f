// The epoll(7) poller: each descriptor is registered once, and modified at most once.
#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>

#include "core/system/file_descriptor.hpp"
#include "event/poller/poller.hpp"

namespace berth {

namespace {

std::uint32_t interest(Trigger trigger) noexcept {
    switch (trigger) {
        case Trigger::edge: return EPOLLIN | EPOLLRDHUP | EPOLLET;
        case Trigger::level: return EPOLLIN;
        case Trigger::level_exclusive: return EPOLLIN | EPOLLEXCLUSIVE;
    }
    return 0;
}

Readiness readiness(std::uint32_t events) noexcept {
    const bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    Readiness ready;
    ready.readable = broken || (events & (EPOLLIN | EPOLLRDHUP)) != 0;
    ready.writable = broken || (events & EPOLLOUT) != 0;
    ready.peer_closed = broken || (events & EPOLLRDHUP) != 0;
    ready.error = (events & EPOLLERR) != 0;
    return ready;
}

class EpollPoller final : public Poller {
 public:
    explicit EpollPoller(FileDescriptor epoll) noexcept : epoll_(std::move(epoll)) {}

    std::string_view name() const noexcept override { return "epoll"; }

    Result<void> add(Watcher& watcher, std::uint32_t ticket) override {
        return control(EPOLL_CTL_ADD, watcher, ticket, interest(watcher.trigger()));
    }

    void watch_writes(Watcher& watcher, std::uint32_t ticket) noexcept override {
        // Cannot fail: the descriptor is registered. A socket that became writable meanwhile is reported at
        // once.
        static_cast<void>(control(EPOLL_CTL_MOD, watcher, ticket, interest(watcher.trigger()) | EPOLLOUT));
    }

    // Closing the last descriptor of an open file takes it out of every epoll set (epoll(7)).
    void forget(Watcher&) noexcept override {}

    void remove(Watcher& watcher) noexcept override {
        epoll_event unused{};  // kernels before 2.6.9 wanted one
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watcher.fd(), &unused);
    }

    std::size_t wait(std::span<ReadyEvent> out, Duration timeout) override {
        const auto most = static_cast<int>(std::min(out.size(), events_.size()));
        const int limit = timeout < Duration::zero()
                              ? -1
                              : static_cast<int>(std::min<Duration::rep>(timeout.count(), INT_MAX));
        const int count = ::epoll_wait(epoll_.get(), events_.data(), most, limit);
        if (count < 0) {
            if (errno == EINTR) return 0;
            std::perror("epoll_wait");
            std::abort();
        }
        for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
            const std::uint64_t data = events_[i].data.u64;
            out[i] = {static_cast<int>(data & 0xffffffff), static_cast<std::uint32_t>(data >> 32),
                      readiness(events_[i].events)};
        }
        return static_cast<std::size_t>(count);
    }

 private:
    Result<void> control(int operation, const Watcher& watcher, std::uint32_t ticket, std::uint32_t events) {
        epoll_event event{};
        event.events = events;
        event.data.u64 = (std::uint64_t{ticket} << 32) | static_cast<std::uint32_t>(watcher.fd());
        if (::epoll_ctl(epoll_.get(), operation, watcher.fd(), &event) == 0) return {};
        return system_error("epoll_ctl", "", errno);
    }

    FileDescriptor epoll_;
    std::array<epoll_event, 512> events_;
};

}  // namespace

Result<std::unique_ptr<Poller>> make_epoll_poller() {
    FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll) return system_error("epoll_create1", "", errno);
    return std::unique_ptr<Poller>(std::make_unique<EpollPoller>(std::move(epoll)));
}

}  // namespace berth

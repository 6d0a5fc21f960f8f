// The poll(2) poller: the edges that the contract promises, made from levels: what was reported is not polled
// for again before the watcher says that it met would-block.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "event/poller/poller.hpp"

namespace berth {

namespace {

class PollPoller final : public Poller {
 public:
    std::string_view name() const noexcept override { return "poll"; }

    Result<void> add(Watcher& watcher, std::uint32_t ticket) override {
        const auto fd = static_cast<std::size_t>(watcher.fd());
        if (fd >= places_.size()) places_.resize(std::max(fd + 1, places_.size() * 2), 0);
        places_[fd] = entries_.size();
        entries_.push_back({&watcher, ticket, false});
        return {};
    }

    void remove(Watcher& watcher) noexcept override {
        const std::size_t at = places_[static_cast<std::size_t>(watcher.fd())];
        entries_[at] = entries_.back();
        entries_.pop_back();
        if (at < entries_.size()) places_[static_cast<std::size_t>(entries_[at].watcher->fd())] = at;
    }

    void watch_writes(Watcher&, std::uint32_t) noexcept override {}  // asked of the watcher at each wait
    void forget(Watcher& watcher) noexcept override { remove(watcher); }

    std::size_t wait(std::span<ReadyEvent> out, Duration timeout) override {
        polled_.clear();
        for (const Entry& entry : entries_) polled_.push_back(question(entry));
        const int limit = timeout < Duration::zero()
                              ? -1
                              : static_cast<int>(std::min<Duration::rep>(timeout.count(), INT_MAX));
        const int count = ::poll(polled_.data(), polled_.size(), limit);
        if (count < 0) {
            if (errno == EINTR) return 0;
            std::perror("poll");
            std::abort();
        }
        return collect(out, static_cast<std::size_t>(count));
    }

 private:
    struct Entry {
        Watcher* watcher;
        std::uint32_t ticket;
        bool end_reported;  // a hang-up is a level that never ends: it is told once
    };

    static pollfd question(const Entry& entry) noexcept {
        const Watcher& watcher = *entry.watcher;
        short events = 0;
        if (watcher.trigger() != Trigger::edge) {
            events = POLLIN;
        } else {
            if (watcher.wants_read()) events |= POLLIN;
            if (watcher.wants_write()) events |= POLLOUT;
            if (!entry.end_reported) events |= POLLRDHUP;
        }
        return {events != 0 ? watcher.fd() : -1, events, 0};
    }

    // Starts where the last call ended, so that a full batch starves nobody.
    std::size_t collect(std::span<ReadyEvent> out, std::size_t count) noexcept {
        std::size_t filled = 0;
        const std::size_t size = entries_.size();
        if (start_ >= size) start_ = 0;
        for (std::size_t i = 0; i < size && count > 0 && filled < out.size(); ++i) {
            const std::size_t at = start_ + i < size ? start_ + i : start_ + i - size;
            if (polled_[at].revents == 0) continue;
            --count;
            const Readiness ready = answer(entries_[at], polled_[at].revents);
            if (ready.readable || ready.writable) {
                out[filled++] = {polled_[at].fd, entries_[at].ticket, ready};
            }
            if (filled == out.size()) start_ = at + 1;
        }
        return filled;
    }

    static Readiness answer(Entry& entry, short events) noexcept {
        const bool broken = (events & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        Readiness ready;
        ready.readable = broken || (events & (POLLIN | POLLRDHUP)) != 0;
        ready.writable = broken || (events & POLLOUT) != 0;
        ready.peer_closed = broken || (events & POLLRDHUP) != 0;
        ready.error = (events & POLLERR) != 0;
        if (entry.watcher->trigger() != Trigger::edge) return ready;
        if (ready.peer_closed) entry.end_reported = true;
        entry.watcher->reported(ready.readable, ready.writable);
        return ready;
    }

    std::vector<Entry> entries_;
    std::vector<std::size_t> places_;  // by descriptor: its entry
    std::vector<pollfd> polled_;
    std::size_t start_ = 0;
};

}  // namespace

Result<std::unique_ptr<Poller>> make_poll_poller() {
    return std::unique_ptr<Poller>(std::make_unique<PollPoller>());
}

}  // namespace berth

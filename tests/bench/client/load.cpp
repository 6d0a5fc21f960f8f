// The load loop: clients on one epoll, and when each of them asks.
#include "tests/bench/client/load.hpp"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "tests/bench/client/sockets.hpp"

namespace berth::bench {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kMoment = kSecond / 10;
constexpr std::uint64_t kRest = kSecond / 200;
constexpr std::uint64_t kCheck = kSecond / 20;  // how often timeouts are looked for

std::uint64_t now() noexcept {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * kSecond + static_cast<std::uint64_t>(time.tv_nsec);
}

std::uint64_t nanoseconds(double seconds) noexcept {
    return static_cast<std::uint64_t>(seconds * static_cast<double>(kSecond));
}

// SIGTERM: no further requests; what is under way is waited for, and the result is printed.
volatile std::sig_atomic_t g_stop = 0;

// Waits for nanoseconds, which epoll_wait(2) cannot; a kernel before 5.11 rounds down, and the loop spins a
// little.
int wait_for(int epoll, epoll_event* events, int room, std::uint64_t time) {
    const timespec limit{static_cast<time_t>(time / kSecond), static_cast<long>(time % kSecond)};
    const int ready = epoll_pwait2(epoll, events, room, &limit, nullptr);
    if (ready != -1 || errno != ENOSYS) return ready;
    return epoll_wait(epoll, events, room, static_cast<int>(time / 1'000'000));
}

}  // namespace

Load::Load(const Options& options)
    : options_(options),
      request_(request_for(options.path, options.close)),
      other_request_(request_for(options.other_path, options.close)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ == -1) {
        std::perror("epoll_create1");
        std::exit(1);
    }
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (unsigned i = 0; i < options.connections; ++i) {
        clients_.push_back(std::make_unique<Client>());
        free_.push_back(clients_.back().get());
    }
    std::reverse(free_.begin(), free_.end());
}

Load::~Load() {
    for (const auto& client : clients_) {
        if (client->fd != -1) close(client->fd);
    }
    close(epoll_);
}

Moment& Load::moment() {
    const std::size_t index = std::min<std::size_t>((now_ - begin_) / kMoment, 6000);
    if (moments_.size() <= index) moments_.resize(index + 1);
    return moments_[index];
}

void Load::connect(Client& client) {
    client.used = false;
    client.fd = open_connection(options_.port, false);
    if (client.fd == -1) {
        fail(client, counts_.unconnected);
        return;
    }
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &client;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
    write(client);  // over loopback the connection is there already, mostly
}

void Load::disconnect(Client& client) {
    if (client.fd != -1) close(client.fd);
    client.fd = -1;
}

void Load::begin(Client& client, std::uint64_t due) {
    ++issued_;
    ++busy_;
    client.busy = true;
    client.reopened = false;
    client.start = due;
    const bool other = options_.every > 0 && issued_ % options_.every == 0;
    client.request = other ? other_request_ : request_;
    client.unsent = client.request;
    client.answer.clear();
    if (client.fd == -1) {
        connect(client);
    } else {
        write(client);
    }
}

void Load::write(Client& client) {
    while (!client.unsent.empty()) {
        const ssize_t sent = send(client.fd, client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
        if (sent == -1) {
            if (errno != EAGAIN && errno != ENOTCONN) on_end(client);
            return;
        }
        client.unsent.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void Load::read(Client& client) {
    static char bytes[262144];
    while (client.fd != -1) {
        const ssize_t got = recv(client.fd, bytes, sizeof bytes, 0);
        if (got <= 0) {
            if (got == 0 || errno != EAGAIN) on_end(client);
            return;
        }
        if (!client.busy) {
            disconnect(client);  // bytes that nobody asked for
            return;
        }
        const Answer::State state = client.answer.feed({bytes, static_cast<std::size_t>(got)});
        if (state == Answer::State::wrong) {
            fail(client, counts_.refused);
        } else if (state == Answer::State::complete) {
            on_answer(client);
            return;
        }
    }
}

void Load::on_answer(Client& client) {
    now_ = now();
    if (last_answer_ != 0) {
        longest_gap_ = std::max(longest_gap_, now_ - last_answer_);
        moment().gap = std::max(moment().gap, now_ - last_answer_);
    }
    last_answer_ = now_;
    if (client.answer.status() < 200 || client.answer.status() >= 400) {
        fail(client, counts_.refused);
        return;
    }
    const std::uint64_t took = now_ - client.start;
    ++counts_.answered;
    histogram_.add(took);
    if (took > nanoseconds(options_.slow_ms / 1000)) ++counts_.slow;
    Moment& current = moment();
    ++current.answered;
    current.worst = std::max(current.worst, took);
    client.used = true;
    if (client.answer.says_close() && !options_.close) ++counts_.polite;
    if (client.answer.says_close() || options_.close) disconnect(client);
    release(client);
}

// The server ended the connection.
void Load::on_end(Client& client) {
    const bool used = client.used;
    if (!client.busy) {
        disconnect(client);
        return;
    }
    if (!used || client.answer.begun() || client.reopened) {
        fail(client,
             used || client.answer.begun() || client.unsent.empty() ? counts_.cut : counts_.unconnected);
        return;
    }
    ++counts_.without_notice;
    client.reopened = true;
    disconnect(client);
    client.unsent = client.request;
    connect(client);
}

void Load::fail(Client& client, std::uint64_t& count) {
    ++count;
    ++moment().failed;
    disconnect(client);
    client.rest_until = now_ + kRest;
    client.busy = false;
    --busy_;
    resting_.push_back(&client);
}

void Load::release(Client& client) {
    client.busy = false;
    --busy_;
    free_.push_back(&client);
}

std::uint64_t Load::next_due() const noexcept {
    if (options_.rate == 0) return now_;
    return begin_ + static_cast<std::uint64_t>(static_cast<double>(issued_) * 1e9 / options_.rate);
}

// Begins what is due: at a fixed rate the requests whose time has come, else one for each free client.
void Load::issue() {
    while (!resting_.empty() && resting_.front()->rest_until <= now_) {
        free_.push_back(resting_.front());
        resting_.pop_front();
    }
    while (!free_.empty() && issuing()) {
        const std::uint64_t due = next_due();
        if (due > now_) return;
        Client& client = *free_.back();
        free_.pop_back();
        begin(client, due);
    }
}

void Load::wait() {
    std::uint64_t until = std::min(next_check_, now_ + kCheck);
    if (!resting_.empty()) until = std::min(until, resting_.front()->rest_until);
    if (issuing() && options_.rate == 0) until = std::min(until, end_);
    if (issuing() && options_.rate > 0 && !free_.empty()) until = std::min(until, next_due());
    epoll_event events[256];
    const int ready = wait_for(epoll_, events, 256, until > now_ ? until - now_ : 0);
    now_ = now();
    for (int i = 0; i < ready; ++i) {
        Client& client = *static_cast<Client*>(events[i].data.ptr);
        if (client.fd == -1) continue;  // closed while this event was waiting
        if ((events[i].events & EPOLLOUT) != 0 && client.busy) write(client);
        if (client.fd != -1 && (events[i].events & ~static_cast<unsigned>(EPOLLOUT)) != 0) read(client);
    }
}

void Load::check_timeouts() {
    if (now_ < next_check_) return;
    next_check_ = now_ + kCheck;
    if (g_stop != 0) end_ = std::min(end_, now_);
    const std::uint64_t limit = nanoseconds(options_.timeout);
    for (const auto& client : clients_) {
        if (client->busy && now_ - client->start > limit) fail(*client, counts_.timeouts);
    }
}

void Load::run() {
    std::signal(SIGTERM, [](int) { g_stop = 1; });
    begin_ = now_ = now();
    end_ = begin_ + nanoseconds(options_.seconds);
    next_check_ = begin_ + kCheck;
    while (issuing() || busy_ > 0) {
        issue();
        wait();
        check_timeouts();
    }
}

void Load::print() const {
    const auto micros = [](std::uint64_t value) { return static_cast<double>(value) / 1000; };
    const std::uint64_t failed = counts_.unconnected + counts_.cut + counts_.refused + counts_.timeouts;
    const double seconds = static_cast<double>(std::max(last_answer_, end_) - begin_) / 1e9;
    std::printf("{\"issued\": %lu, \"answered\": %lu, \"failed\": %lu, \"unconnected\": %lu, \"cut\": %lu, ",
                issued_, counts_.answered, failed, counts_.unconnected, counts_.cut);
    std::printf("\"refused\": %lu, \"timeouts\": %lu, \"without_notice\": %lu, \"polite\": %lu, ",
                counts_.refused, counts_.timeouts, counts_.without_notice, counts_.polite);
    std::printf("\"slow\": %lu, \"seconds\": %.6f, \"longest_gap_us\": %.1f, ", counts_.slow, seconds,
                micros(longest_gap_));
    std::printf("\"mean_us\": %.3f, \"max_us\": %.3f, \"curve\": [", histogram_.mean() / 1000,
                micros(histogram_.max()));
    const double percents[] = {1, 5, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.99, 100};
    const char* separator = "";
    for (const double percent : percents) {
        std::printf("%s[%g, %.3f]", separator, percent, micros(histogram_.percentile(percent)));
        separator = ", ";
    }
    std::printf("], \"timeline\": [");
    separator = "";
    for (const Moment& moment : moments_) {
        std::printf("%s[%lu, %lu, %.1f]", separator, moment.answered, moment.failed, micros(moment.worst));
        separator = ", ";
    }
    // Of the monotonic clock, which the one who reads this has, too.
    std::printf("], \"began_at\": %.6f, \"gaps_us\": [", static_cast<double>(begin_) / 1e9);
    separator = "";
    for (const Moment& moment : moments_) {
        std::printf("%s%.1f", separator, micros(moment.gap));
        separator = ", ";
    }
    std::printf("]}\n");
}

}  // namespace berth::bench

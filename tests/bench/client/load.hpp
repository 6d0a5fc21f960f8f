// Load: asks a server on one thread, each request after the last answer or at fixed times, and accounts for
// every one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/client/answer.hpp"
#include "tests/bench/client/histogram.hpp"
#include "tests/bench/client/options.hpp"

namespace berth::bench {

// Every request that was begun ends as answered or as one of the failures; the others say how it went.
struct Counts {
    std::uint64_t answered = 0;
    std::uint64_t unconnected = 0;  // no connection
    std::uint64_t cut =
        0;  // ended or reset before a whole answer, on a fresh connection or with part of it there
    std::uint64_t refused = 0;  // answered with a status other than 2xx or 3xx, or with what is no answer
    std::uint64_t timeouts = 0;
    // Asked again on a new connection, since the server ended a used one with the request on its way and had
    // not said `Connection: close`: closed without notice.
    std::uint64_t without_notice = 0;
    std::uint64_t polite = 0;  // answers on a kept connection that said `Connection: close`
    std::uint64_t slow = 0;
};

// What happened in a tenth of a second.
struct Moment {
    std::uint64_t answered = 0;
    std::uint64_t failed = 0;
    std::uint64_t worst = 0;  // nanoseconds of the slowest answer
    std::uint64_t gap = 0;    // nanoseconds of the longest time without an answer that ended in it
};

class Load {
 public:
    explicit Load(const Options& options);
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    ~Load();

    void run();
    void print() const;

 private:
    struct Client {
        int fd = -1;
        bool busy = false;
        bool used = false;        // an answer came on this connection before
        bool reopened = false;    // the request was asked again already
        std::uint64_t start = 0;  // when the request was due
        std::uint64_t rest_until = 0;
        std::string_view request;
        std::string_view unsent;  // the rest of it
        Answer answer;
    };

    void begin(Client& client, std::uint64_t due);
    void connect(Client& client);
    void disconnect(Client& client);
    void write(Client& client);
    void read(Client& client);
    void on_answer(Client& client);
    void on_end(Client& client);
    void fail(Client& client, std::uint64_t& count);
    void release(Client& client);
    void issue();
    void wait();
    void check_timeouts();
    Moment& moment();
    std::uint64_t next_due() const noexcept;
    // At a fixed rate what is late is still due: it waits for a free client, and its latency shows it.
    bool issuing() const noexcept { return (options_.rate > 0 ? next_due() : now_) < end_; }

    const Options options_;
    const std::string request_;
    const std::string other_request_;
    int epoll_ = -1;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<Client*> free_;
    std::deque<Client*> resting_;  // after a failure, so that a refusing server is not asked in a spin
    std::size_t busy_ = 0;
    std::uint64_t issued_ = 0;
    std::uint64_t now_ = 0;
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
    std::uint64_t last_answer_ = 0;
    std::uint64_t longest_gap_ = 0;  // between two answers, whoever they were for
    std::uint64_t next_check_ = 0;
    Histogram histogram_;
    Counts counts_;
    std::vector<Moment> moments_;
};

}  // namespace berth::bench

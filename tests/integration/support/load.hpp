// Load: clients that ask without pause and account for every request.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

namespace berth::test {

// Half of the clients keep their connection as long as the server lets them, half use one for each request. A
// request ends in exactly one of these:
struct LoadCounts {
    std::atomic<std::uint64_t> answered{0};
    std::atomic<std::uint64_t> failed{0};  // no connection, or no whole answer on a fresh one
    // A connection that had been used before was ended with a request on its way, and its last answer had not
    // said `Connection: close`: closed without notice.
    std::atomic<std::uint64_t> stale{0};
    std::atomic<std::uint64_t> polite{0};  // answers that said `Connection: close` on a kept connection
};

class Load {
 public:
    Load(std::uint16_t port, std::string path, unsigned clients = 8);
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    ~Load() { stop(); }

    // Waits until `more` further requests were answered; false when that takes too long.
    bool wait_for(std::uint64_t more) const;
    void stop();
    const LoadCounts& counts() const noexcept { return counts_; }
    // What the first failures looked like.
    std::string failures() const;

 private:
    void keep_alive();
    void one_by_one();
    void note(const std::string& what);

    const std::uint16_t port_;
    const std::string path_;
    std::atomic<bool> stopping_{false};
    LoadCounts counts_;
    std::vector<std::string> notes_;
    std::vector<std::thread> threads_;
};

}  // namespace berth::test

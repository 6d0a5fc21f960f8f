// Backend: a server that says exactly what a test wants, byte for byte, and keeps everything it was sent.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace berth::test {

// A request as the backend read it; one whose framing is wrong is not complete.
struct BackendRequest {
    std::string head;  // the whole of it, with the empty line
    std::string method;
    std::string target;
    std::string body;  // chunks joined
    bool complete = false;
    std::size_t number = 0;  // on its connection, from 0

    // The value of the first field of that name, in any case; empty when there is none.
    std::string header(std::string_view name) const;
    bool has(std::string_view name) const;
};

// One connection, in its own thread. Every wait has a limit.
class BackendConnection {
 public:
    explicit BackendConnection(int fd) noexcept : fd_(fd) {}
    BackendConnection(const BackendConnection&) = delete;
    BackendConnection& operator=(const BackendConnection&) = delete;

    bool send(std::string_view bytes);
    void shutdown_write();
    void close();
    void reset();
    // What comes next, raw; empty at the end of the stream.
    std::string read_some();
    // Waits for the peer's end; false when bytes came instead.
    bool wait_closed();
    // Only the head of the next request; its body is the test's to read.
    bool read_head(BackendRequest& request);
    bool read_request(BackendRequest& request);
    // Every byte that came since the last call.
    std::string take_received();
    // Where it comes from: "127.0.0.1:4711".
    std::string peer() const;

 private:
    friend class Backend;
    bool fill();
    bool read_chunked(BackendRequest& request);

    std::atomic<int> fd_;
    std::string buffer_;
    std::mutex mutex_;
    std::string received_;
};

class Backend {
 public:
    // Called for each request that was read whole; may close the connection.
    using Handler = std::function<void(BackendConnection&, const BackendRequest&)>;
    // Called for each connection instead.
    using Session = std::function<void(BackendConnection&)>;

    // On 127.0.0.1 and a port that the kernel chooses, unless the test says where.
    explicit Backend(Handler handler, std::string address = "127.0.0.1", std::uint16_t port = 0);
    static std::unique_ptr<Backend> raw(Session session);
    Backend(const Backend&) = delete;
    Backend& operator=(const Backend&) = delete;
    ~Backend();

    std::uint16_t port() const noexcept { return port_; }
    // Closes the listening socket and all connections; and listens on the same port again.
    void stop();
    void start();
    // Requests that were read whole.
    std::size_t requests() const noexcept { return requests_; }
    std::size_t connections() const noexcept { return accepted_; }
    std::size_t open() const noexcept { return open_; }
    // What came on each connection since the last call.
    std::vector<std::string> take_received();

 private:
    Backend() = default;
    void serve(Session session);
    void accept_loop();

    Session session_;
    int listener_ = -1;
    std::string address_ = "127.0.0.1";
    std::uint16_t port_ = 0;
    std::atomic<bool> stopping_{false};
    std::atomic<std::size_t> requests_{0};
    std::atomic<std::size_t> accepted_{0};
    std::atomic<std::size_t> open_{0};
    std::thread acceptor_;
    std::mutex mutex_;
    std::vector<std::thread> threads_;
    std::vector<std::shared_ptr<BackendConnection>> living_;
    std::vector<std::string> received_;
};

// "HTTP/1.1 200 OK" with Content-Length and this body.
std::string answer(std::string_view body, std::string_view headers = {});
// The same in chunks of `piece` bytes.
std::string chunked_answer(std::string_view body, std::size_t piece);
// `size` bytes in which no part looks like another.
std::string pattern(std::size_t size);

}  // namespace berth::test

// A server of one answer: requests without a body, each of which arrives whole or is waited for.
#include "tests/bench/client/serve.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace berth::bench {
namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello, world";
constexpr std::string_view kEnd = "\r\n\r\n";

class Backend {
 public:
    explicit Backend(std::uint16_t port)
        : epoll_(epoll_create1(EPOLL_CLOEXEC)),
          listener_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
        const int on = 1;
        setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in here{};
        here.sin_family = AF_INET;
        here.sin_port = htons(port);
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listens_ = bind(listener_, reinterpret_cast<const sockaddr*>(&here), sizeof here) == 0 &&
                   listen(listener_, 511) == 0;
        watch(listener_);
    }
    bool listens() const noexcept { return listens_; }

    void run() {
        std::array<epoll_event, 64> events;
        for (;;) {
            const int ready = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
            for (int i = 0; i < ready; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                fd == listener_ ? accept_all() : answer(fd);
            }
        }
    }

 private:
    void watch(int fd) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
    void accept_all() {
        for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            const auto at = static_cast<std::size_t>(fd);
            if (at >= unanswered_.size()) unanswered_.resize(at + 1);
            unanswered_[at].clear();
            watch(fd);
        }
    }
    void answer(int fd) {
        std::array<char, 16384> bytes;
        const ssize_t got = recv(fd, bytes.data(), bytes.size(), 0);
        if (got <= 0) {
            close(fd);
            return;
        }
        std::string& text = unanswered_[static_cast<std::size_t>(fd)];
        text.append(bytes.data(), static_cast<std::size_t>(got));
        for (std::size_t end; (end = text.find(kEnd)) != std::string::npos;) {
            text.erase(0, end + kEnd.size());
            send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
        }
    }

    int epoll_;
    int listener_;
    bool listens_ = false;
    std::vector<std::string> unanswered_;  // by descriptor
};

}  // namespace

int serve(const Options& options) {
    for (char unused; read(STDIN_FILENO, &unused, 1) > 0;) {}
    Backend backend(options.port);
    if (!backend.listens()) {
        std::perror("listen");
        return 1;
    }
    backend.run();
    return 0;
}

}  // namespace berth::bench

// A backend in threads: one accepts, one serves each connection.
#include "tests/integration/support/backend.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace berth::test {

namespace {

constexpr int kLimit = 20000;  // milliseconds

int listen_on(const std::string& where, std::uint16_t port) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    ::inet_pton(AF_INET, where.c_str(), &address.sin_addr);
    address.sin_port = htons(port);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, 512) != 0) {
        ::close(fd);
        return -1;
    }
    return fd;
}

std::string field(std::string_view head, std::string_view name, bool& found) {
    found = false;
    std::size_t at = head.find("\r\n");
    while (at != head.npos && at + 2 < head.size()) {
        const std::size_t begin = at + 2;
        const std::size_t end = head.find("\r\n", begin);
        const std::string_view line = head.substr(begin, end - begin);
        const std::size_t colon = line.find(':');
        if (colon == name.size() && ::strncasecmp(line.data(), name.data(), colon) == 0) {
            found = true;
            std::string_view value = line.substr(colon + 1);
            while (value.starts_with(' ')) value.remove_prefix(1);
            return std::string(value);
        }
        at = end;
    }
    return {};
}

}  // namespace

std::string BackendRequest::header(std::string_view name) const {
    bool found = false;
    return field(head, name, found);
}

bool BackendRequest::has(std::string_view name) const {
    bool found = false;
    field(head, name, found);
    return found;
}

// --- a connection

bool BackendConnection::send(std::string_view bytes) {
    while (!bytes.empty()) {
        pollfd poll{fd_, POLLOUT, 0};
        if (fd_ < 0 || ::poll(&poll, 1, kLimit) <= 0) return false;
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) continue;
        if (sent <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void BackendConnection::shutdown_write() { ::shutdown(fd_, SHUT_WR); }

void BackendConnection::close() {
    const int fd = fd_.exchange(-1);
    if (fd >= 0) ::close(fd);
}

void BackendConnection::reset() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
}

bool BackendConnection::fill() {
    pollfd poll{fd_, POLLIN, 0};
    if (fd_ < 0 || ::poll(&poll, 1, kLimit) <= 0) return false;
    char bytes[65536];
    const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
    if (got <= 0) return false;
    buffer_.append(bytes, static_cast<std::size_t>(got));
    const std::lock_guard lock(mutex_);
    received_.append(bytes, static_cast<std::size_t>(got));
    return true;
}

std::string BackendConnection::take_received() {
    const std::lock_guard lock(mutex_);
    return std::exchange(received_, {});
}

std::string BackendConnection::peer() const {
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getpeername(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    char text[INET_ADDRSTRLEN]{};
    ::inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
    return std::string(text) + ":" + std::to_string(ntohs(address.sin_port));
}

std::string BackendConnection::read_some() {
    if (buffer_.empty()) fill();
    return std::exchange(buffer_, {});
}

bool BackendConnection::wait_closed() { return buffer_.empty() && !fill(); }

bool BackendConnection::read_head(BackendRequest& request) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
        if (!fill()) return false;
    }
    request.head = buffer_.substr(0, end + 4);
    buffer_.erase(0, end + 4);
    const std::size_t space = request.head.find(' ');
    request.method = request.head.substr(0, space);
    request.target = request.head.substr(space + 1, request.head.find(' ', space + 1) - space - 1);
    return true;
}

bool BackendConnection::read_chunked(BackendRequest& request) {
    for (;;) {
        std::size_t end = 0;
        while ((end = buffer_.find("\r\n")) == std::string::npos) {
            if (!fill()) return false;
        }
        const std::size_t size = std::strtoul(buffer_.c_str(), nullptr, 16);
        while (buffer_.size() < end + 2 + size + 2) {
            if (!fill()) return false;
        }
        request.body.append(buffer_, end + 2, size);
        if (buffer_.compare(end + 2 + size, 2, "\r\n") != 0) return false;
        buffer_.erase(0, end + 2 + size + 2);
        if (size == 0) return true;
    }
}

bool BackendConnection::read_request(BackendRequest& request) {
    if (!read_head(request)) return false;
    if (request.has("Transfer-Encoding")) {
        request.complete = read_chunked(request);
        return request.complete;
    }
    const std::size_t length = std::strtoul(request.header("Content-Length").c_str(), nullptr, 10);
    while (buffer_.size() < length) {
        if (!fill()) return false;
    }
    request.body = buffer_.substr(0, length);
    buffer_.erase(0, length);
    request.complete = true;
    return true;
}

// --- the backend

Backend::Backend(Handler handler, std::string address, std::uint16_t port)
    : address_(std::move(address)), port_(port) {
    serve([this, handler = std::move(handler)](BackendConnection& connection) {
        for (std::size_t number = 0;; ++number) {
            BackendRequest request;
            request.number = number;
            if (!connection.read_request(request)) return;
            ++requests_;
            handler(connection, request);
        }
    });
}

std::unique_ptr<Backend> Backend::raw(Session session) {
    std::unique_ptr<Backend> backend(new Backend);
    backend->serve(std::move(session));
    return backend;
}

Backend::~Backend() { stop(); }

void Backend::serve(Session session) {
    session_ = std::move(session);
    start();
}

void Backend::start() {
    listener_ = listen_on(address_, port_);
    sockaddr_in address{};
    socklen_t length = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
    stopping_ = false;
    acceptor_ = std::thread([this] { accept_loop(); });
}

void Backend::accept_loop() {
    while (!stopping_) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) return;
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        ++accepted_;
        ++open_;
        auto connection = std::make_shared<BackendConnection>(fd);
        const std::lock_guard lock(mutex_);
        living_.push_back(connection);
        threads_.emplace_back([this, connection] {
            session_(*connection);
            connection->close();
            --open_;
            const std::lock_guard done(mutex_);
            received_.push_back(connection->take_received());
            std::erase(living_, connection);
        });
    }
}

void Backend::stop() {
    if (stopping_.exchange(true)) return;
    ::shutdown(listener_, SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    ::close(listener_);
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(mutex_);
        for (const auto& connection : living_) ::shutdown(connection->fd_, SHUT_RDWR);
        threads.swap(threads_);
    }
    for (std::thread& thread : threads) thread.join();
}

std::vector<std::string> Backend::take_received() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    all.swap(received_);
    for (const auto& connection : living_) all.push_back(connection->take_received());
    return all;
}

std::string answer(std::string_view body, std::string_view headers) {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
           std::string(headers) + "\r\n" + std::string(body);
}

std::string chunked_answer(std::string_view body, std::size_t piece) {
    std::string out = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    while (!body.empty()) {
        const std::string_view part = body.substr(0, piece);
        char line[32];
        std::snprintf(line, sizeof line, "%zx\r\n", part.size());
        out.append(line).append(part).append("\r\n");
        body.remove_prefix(part.size());
    }
    return out + "0\r\n\r\n";
}

std::string pattern(std::size_t size) {
    std::string out(size, '\0');
    std::uint32_t state = 12345;
    for (char& c : out) {
        state = state * 1664525 + 1013904223;
        c = static_cast<char>(state >> 24);
    }
    return out;
}

}  // namespace berth::test

// Requests and responses as bytes.
#include "tests/integration/support/client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "tests/integration/support/files.hpp"

namespace berth::test {

namespace {

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string trimmed(std::string_view text) {
    while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
    while (text.ends_with(' ') || text.ends_with('\r') || text.ends_with('\n')) text.remove_suffix(1);
    return std::string(text);
}

void parse_head(Response& response) {
    std::string_view rest = response.head;
    bool first = true;
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
        const std::size_t colon = line.find(':');
        if (std::exchange(first, false)) {
            if (line.size() < 12) continue;
            response.status = std::atoi(std::string(line.substr(9, 3)).c_str());
            response.reason = trimmed(line.substr(12));
        } else if (colon != line.npos) {
            response.headers.emplace_back(std::string(line.substr(0, colon)),
                                          trimmed(line.substr(colon + 1)));
        }
    }
}

}  // namespace

std::string Response::header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (same_name(key, name)) return value;
    }
    return {};
}

bool Response::has(std::string_view name) const {
    for (const auto& [key, value] : headers) {
        if (same_name(key, name)) return true;
    }
    return false;
}

bool Response::says_close() const { return same_name(header("Connection"), "close"); }

Client::Client(std::uint16_t port, const char* address) {
    sockaddr_storage to{};
    socklen_t length = 0;
    if (std::strchr(address, ':') != nullptr) {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(to);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        ::inet_pton(AF_INET6, address, &v6.sin6_addr);
        length = sizeof(v6);
    } else {
        auto& v4 = reinterpret_cast<sockaddr_in&>(to);
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        ::inet_pton(AF_INET, address, &v4.sin_addr);
        length = sizeof(v4);
    }
    fd_ = ::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&to), length) != 0) error_ = errno, close();
}

Client Client::unix_socket(const std::string& path) {
    Client client;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, path.c_str(), sizeof(to.sun_path) - 1);
    client.fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(client.fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0)
        client.error_ = errno, client.close();
    return client;
}

Client Client::from(const char* address, std::uint16_t port) {
    Client client;
    sockaddr_in own{};
    own.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &own.sin_addr);
    sockaddr_in to = own;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    client.fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::bind(client.fd_, reinterpret_cast<sockaddr*>(&own), sizeof(own)) != 0 ||
        ::connect(client.fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)) != 0) {
        client.error_ = errno, client.close();
    }
    return client;
}

Client::Client(Client&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), error_(other.error_), buffer_(std::move(other.buffer_)) {}

Client& Client::operator=(Client&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(error_, other.error_);
    std::swap(buffer_, other.buffer_);
    return *this;
}

Client::~Client() { close(); }

void Client::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Client::abort() {
    const linger now{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close();
}

bool Client::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent < 0) return error_ = errno, false;
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool Client::get(std::string_view path, std::string_view headers) {
    return send("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) +
                "\r\n");
}

void Client::shutdown_write() { ::shutdown(fd_, SHUT_WR); }

// False at the end of the stream, after an error (error()), and when nothing comes in time.
bool Client::fill() {
    pollfd ready{fd_, POLLIN, 0};
    const int limit = static_cast<int>(std::chrono::milliseconds(kLimit).count());
    if (fd_ < 0 || ::poll(&ready, 1, limit) != 1) return error_ = ETIMEDOUT, false;
    char bytes[65536];
    const ssize_t got = ::recv(fd_, bytes, sizeof(bytes), 0);
    error_ = got < 0 ? errno : 0;
    if (got > 0) buffer_.append(bytes, static_cast<std::size_t>(got));
    return got > 0;
}

Response Client::read_response(bool head_request) {
    Response response;
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
        if (!fill()) return response;
    }
    response.head = buffer_.substr(0, end + 4);
    buffer_.erase(0, end + 4);
    parse_head(response);
    response.complete = read_body(response, head_request);
    return response;
}

bool Client::read_body(Response& response, bool head_request) {
    if (head_request || response.status / 100 == 1 || response.status == 204 || response.status == 304)
        return true;
    if (same_name(response.header("Transfer-Encoding"), "chunked")) return read_chunked(response);
    if (!response.has("Content-Length")) {
        while (fill()) {}
        response.body = std::exchange(buffer_, {});
        return error_ == 0;
    }
    const std::size_t length = std::stoull(response.header("Content-Length"));
    while (buffer_.size() < length) {
        if (!fill()) break;
    }
    response.body = buffer_.substr(0, length);
    buffer_.erase(0, response.body.size());
    return response.body.size() == length;
}

bool Client::read_line(std::string& line) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
        if (!fill()) return false;
    }
    line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return true;
}

bool Client::read_chunked(Response& response) {
    std::string line;
    while (read_line(line)) {
        const std::size_t size = std::stoull(line, nullptr, 16);
        if (size == 0) {
            while (read_line(line) && !line.empty()) response.head += "trailer: " + line + "\r\n";
            return line.empty();
        }
        while (buffer_.size() < size + 2) {
            if (!fill()) return false;
        }
        response.body += buffer_.substr(0, size);
        buffer_.erase(0, size + 2);
    }
    return false;
}

std::string Client::read_all() {
    while (fill()) {}
    return std::exchange(buffer_, {});
}

std::string Client::read_some(std::size_t count) {
    if (buffer_.empty() && !fill()) return {};
    std::string some = buffer_.substr(0, count);
    buffer_.erase(0, some.size());
    return some;
}

std::string Client::read_until(std::string_view end) {
    std::string all;
    while (!all.ends_with(end)) {
        const std::string more = read_some();
        if (more.empty()) break;
        all += more;
    }
    return all;
}

bool Client::wait_closed() { return buffer_.empty() && !fill() && error_ != ETIMEDOUT; }

bool Client::is_closed() {
    char byte = 0;
    const ssize_t got = ::recv(fd_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

Response fetch(std::uint16_t port, std::string_view path, std::string_view headers) {
    Client client(port);
    if (!client.connected() || !client.get(path, std::string(headers) + "Connection: close\r\n")) return {};
    return client.read_response();
}

}  // namespace berth::test

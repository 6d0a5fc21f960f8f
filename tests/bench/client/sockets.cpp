// Opens the client's sockets.
#include "tests/bench/client/sockets.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

namespace berth::bench {
namespace {

sockaddr_in loopback(std::uint32_t last, std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7f000000U + last);
    address.sin_port = htons(port);
    return address;
}

}  // namespace

int open_connection(std::uint16_t port, bool blocking) {
    static std::uint32_t turn = 0;
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (blocking ? 0 : SOCK_NONBLOCK), 0);
    if (fd == -1) return -1;
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval patience{10, 0};
    if (blocking) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in from = loopback(2 + turn++ % 200, 0);
    const sockaddr_in to = loopback(1, port);
    if (bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from) == 0 &&
        (connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 || errno == EINPROGRESS)) {
        return fd;
    }
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
}

std::string request_for(const std::string& path, bool close) {
    return "GET " + path + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" +
           (close ? "Connection: close\r\n\r\n" : "\r\n");
}

}  // namespace berth::bench

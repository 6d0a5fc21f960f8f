// Opening, binding and adopting listening sockets.
#include "event/listener.hpp"

#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "event/connection.hpp"

namespace berth {

namespace {

Result<void> set(int fd, int level, int option, int value, std::string_view name, const Address& address) {
    if (::setsockopt(fd, level, option, &value, sizeof value) == 0) return {};
    return system_error("setsockopt(" + std::string(name) + ")", address.to_text(), errno);
}

// Why it could not be bound, and what to do about it.
Error bind_error(const Address& address, int error_number) {
    Error error = system_error("bind", address.to_text(), error_number);
    const std::string port = std::to_string(address.port());
    if (error_number == EADDRINUSE && address.is_unix()) {
        error.message += "; another process answers on this socket: stop it, or choose another path";
    } else if (error_number == EADDRINUSE) {
        error.message += "; another process has this port: `ss -ltnp 'sport = :" + port + "'` shows which";
    } else if (error_number == EACCES && !address.is_unix()) {
        error.message +=
            "; ports below net.ipv4.ip_unprivileged_port_start (1024) need root or CAP_NET_BIND_SERVICE";
    } else if (error_number == EADDRNOTAVAIL) {
        error.message += "; no interface of this machine has this address: `ip address` lists them";
    }
    return error;
}

// Plain TCP, or Multipath TCP (RFC 8684), whose sockets also serve clients that speak plain TCP.
Result<FileDescriptor> open_socket(const Address& address, bool multipath) {
    FileDescriptor fd(::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
                               multipath ? IPPROTO_MPTCP : 0));
    if (fd) return fd;
    Error error = system_error(multipath ? "socket(IPPROTO_MPTCP)" : "socket", address.to_text(), errno);
    if (multipath) {
        error.message +=
            "; \"multipath\" needs a kernel with Multipath TCP: CONFIG_MPTCP, and sysctl net.mptcp.enabled=1";
    }
    return error;
}

int socket_option(int fd, int level, int option) {
    int value = 0;
    socklen_t length = sizeof value;
    return ::getsockopt(fd, level, option, &value, &length) == 0 ? value : 0;
}

bool in_file_system(const Address& address) noexcept {
    return address.is_unix() && !address.bytes().empty() && address.bytes().front() != '\0';
}

Result<void> set_keepalive(int fd, const KeepaliveProbes& probes, const Address& address) {
    if (auto done = set(fd, SOL_SOCKET, SO_KEEPALIVE, probes.on ? 1 : 0, "SO_KEEPALIVE", address); !done)
        return done;
    if (!probes.on || address.is_unix()) return {};
    const struct {
        int option;
        int value;
        const char* name;
    } times[] = {{TCP_KEEPIDLE, probes.idle, "TCP_KEEPIDLE"},
                 {TCP_KEEPINTVL, probes.interval, "TCP_KEEPINTVL"},
                 {TCP_KEEPCNT, probes.count, "TCP_KEEPCNT"}};
    for (const auto& time : times) {
        if (time.value <= 0) continue;
        if (auto done = set(fd, IPPROTO_TCP, time.option, time.value, time.name, address); !done) return done;
    }
    return {};
}

}  // namespace

bool is_listening(int fd) noexcept { return socket_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 0; }

Result<void> clear_stale_path(const Address& address) {
    const std::string path(address.bytes());
    struct stat status;
    if (::lstat(path.c_str(), &status) != 0) return {};
    if (!S_ISSOCK(status.st_mode)) {
        Error error = system_error("bind", address.to_text(), EADDRINUSE);
        error.message += "; the path exists and is not a socket";
        return error;
    }
    const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!probe) return system_error("socket", address.to_text(), errno);
    if (::connect(probe.get(), address.data(), address.length()) == 0 || errno != ECONNREFUSED) {
        return bind_error(address, EADDRINUSE);
    }
    if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
    return system_error("unlink", path, errno);
}

Listener::Listener(Address address, ListenOptions options)
    : address_(std::move(address)), options_(std::move(options)) {}

Result<void> Listener::bind_and_listen() {
    Result<void> done = bind();
    if (done) done = listen();
    if (!done) fd_.reset();
    return done;
}

Result<void> Listener::bind() {
    Result<FileDescriptor> fd = open_socket(address_, options_.multipath);
    if (!fd) return fd.error();
    if (auto done = prepare_bind(fd->get()); !done) return done;
    if (auto done = bind_socket(fd->get()); !done) return done;
    fd_ = *std::move(fd);
    if (!address_.is_unix() && address_.port() == 0) address_ = Address::of_socket(fd_.get());
    return {};
}

Result<void> Listener::listen() { return start_listening(); }

Result<void> Listener::share_address() {
    return set(fd_.get(), SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", address_);
}

// The sockets of an address have numbers in the order in which they began to listen, and a filter of this
// kind answers with a number (socket(7), SO_ATTACH_REUSEPORT_CBPF).
void Listener::take_all(bool on) noexcept {
    sock_filter always_first{BPF_RET | BPF_K, 0, 0, 0};
    const sock_fprog filter{1, &always_first};
    if (on) {
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &filter, sizeof filter);
    } else {
        const int unused = 0;
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, &unused, sizeof unused);
    }
}

Result<void> Listener::adopt(FileDescriptor fd) {
    fd_ = std::move(fd);
    inherited_ = true;
    if (auto done = set_nonblocking(fd_.get()); !done) return done;
    if (auto done = set_cloexec(fd_.get()); !done) return done;
    if (auto done = start_listening(); !done) return done;
    if (!address_.is_unix() && address_.port() == 0) address_ = Address::of_socket(fd_.get());
    return {};
}

Result<void> Listener::change_options(const ListenOptions& options) {
    options_ = options;
    if (!listening()) return {};
    if (auto done = start_listening(); !done) return done;
    return check_fixed();
}

// What a socket is told before it is bound, and keeps.
Result<void> Listener::check_fixed() const {
    if (address_.is_unix()) return {};
    const bool multipath = socket_option(fd_.get(), SOL_SOCKET, SO_PROTOCOL) == IPPROTO_MPTCP;
    const bool ipv6_only =
        !address_.is_ipv6() || socket_option(fd_.get(), IPPROTO_IPV6, IPV6_V6ONLY) == options_.ipv6_only;
    if (multipath == options_.multipath && ipv6_only) return {};
    return Error(std::string(ipv6_only ? "\"multipath\"" : "\"ipv6only\"") + " of " + address_.to_text() +
                 " cannot be changed while the socket is open: it is as it was, until a restart");
}

// What has to be said before the address is taken.
Result<void> Listener::prepare_bind(int fd) const {
    if (in_file_system(address_)) return clear_stale_path(address_);
    if (address_.is_unix()) return {};
    if (auto done = set(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR", address_); !done) return done;
    if (options_.strategy == Strategy::reuseport) {
        if (auto done = set(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT", address_); !done) return done;
    }
    if (address_.is_ipv6()) {
        return set(fd, IPPROTO_IPV6, IPV6_V6ONLY, options_.ipv6_only ? 1 : 0, "IPV6_V6ONLY", address_);
    }
    return {};
}

Result<void> Listener::bind_socket(int fd) const {
    if (::bind(fd, address_.data(), address_.length()) != 0) return bind_error(address_, errno);
    if (!in_file_system(address_)) return {};
    const std::string path(address_.bytes());
    const mode_t mode = options_.unix_mode >= 0 ? static_cast<mode_t>(options_.unix_mode) : 0666;
    if (::chmod(path.c_str(), mode) == 0) return {};
    return system_error("chmod", path, errno);
}

// Options that can also be changed on a socket that listens already; then listen(2), which also changes the
// backlog.
Result<void> Listener::start_listening() {
    const int fd = fd_.get();
    if (options_.receive_buffer) {
        auto done = set(fd, SOL_SOCKET, SO_RCVBUF, *options_.receive_buffer, "SO_RCVBUF", address_);
        if (!done) return done;
    }
    if (options_.send_buffer) {
        auto done = set(fd, SOL_SOCKET, SO_SNDBUF, *options_.send_buffer, "SO_SNDBUF", address_);
        if (!done) return done;
    }
    if (options_.keepalive) {
        if (auto done = set_keepalive(fd, *options_.keepalive, address_); !done) return done;
    }
    if (!address_.is_unix()) {
        if (auto done = set(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY", address_); !done) return done;
        const int seconds = options_.deferred ? 1 : 0;
        auto done = set(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, seconds, "TCP_DEFER_ACCEPT", address_);
        if (!done) return done;
        if (options_.fast_open > 0) {
            done = set(fd, IPPROTO_TCP, TCP_FASTOPEN, options_.fast_open, "TCP_FASTOPEN", address_);
            if (!done) return done;
        }
    }
    listening_ = ::listen(fd, options_.backlog) == 0;
    if (listening_) return {};
    return errno == EADDRINUSE ? bind_error(address_, errno)
                               : system_error("listen", address_.to_text(), errno);
}

void Listener::remove_unix_path() const noexcept {
    if (!in_file_system(address_)) return;
    ::unlink(reinterpret_cast<const sockaddr_un*>(address_.data())->sun_path);
}

bool Listener::somebody_waits() const noexcept {
    pollfd waiting{fd_.get(), POLLIN, 0};
    return listening() && ::poll(&waiting, 1, 0) == 1;
}

std::unique_ptr<Session> Listener::make_session(Connection& connection) {
    return open_ != nullptr ? open_(connection, *this, user_) : nullptr;
}

}  // namespace berth

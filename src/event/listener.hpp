// Listener: one listening socket and what is served on it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/net/address.hpp"
#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/accept/balance.hpp"
#include "event/accept/strategy.hpp"
#include "event/accept/worker_listen.hpp"

namespace berth {

class Connection;
class Listener;
class Session;
struct ListenerCounters;

// TCP keep-alive probes of `so_keepalive=idle:interval:count`; seconds, 0 leaves the system's value.
struct KeepaliveProbes {
    bool on = true;
    int idle = 0;
    int interval = 0;
    int count = 0;
};

// The parameters of `listen`. Sizes in bytes.
struct ListenOptions {
    int backlog = 511;
    std::optional<int> receive_buffer;
    std::optional<int> send_buffer;
    bool ipv6_only = true;
    std::optional<Strategy> strategy;             // unset: as accept_strategy says
    std::optional<AcceptBalance> balance;         // unset: as accept_balance says
    std::optional<WorkerListen> worker_listen{};  // unset: as worker_listen says
    bool multipath = false;                       // Multipath TCP, RFC 8684
    bool deferred = false;                        // TCP_DEFER_ACCEPT
    int fast_open = 0;                            // length of the queue; 0 is off
    bool proxy_protocol = false;  // connections begin with a PROXY header; the session reads it
    bool bind = false;            // a socket of its own although a wildcard listens on the port
    std::optional<KeepaliveProbes> keepalive;
    int unix_mode = -1;  // permissions of a unix socket's path; -1: 0666, as nginx
};

// Removes the unix socket that a dead process left. A path that somebody answers on, or that is no socket, is
// an error (EADDRINUSE); one that does not exist is none.
Result<void> clear_stale_path(const Address& address);

// True for the descriptor of a socket that listens.
bool is_listening(int fd) noexcept;

// Accepted sockets inherit (on Linux) TCP_NODELAY, buffer sizes and keep-alive from it: they need no call of
// their own.
class Listener {
 public:
    // Makes the first session of an accepted connection; null refuses it. `user` is what open_session() was
    // set with.
    using OpenSession = std::unique_ptr<Session> (*)(Connection& connection, Listener& listener, void* user);

    Listener(Address address, ListenOptions options);
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    // Closes the socket. The path of a unix socket stays: another process may be serving it; see
    // remove_unix_path().
    ~Listener() = default;

    // Opens, binds and listens; the socket is non-blocking and close-on-exec. A unix socket that exists
    // already is replaced only when nobody answers on it. Errors say what to do about them.
    Result<void> bind_and_listen();
    // Its two halves. Between them the address is taken, but no connection comes: what is closed then loses
    // none. A failed bind() leaves nothing open.
    Result<void> bind();
    Result<void> listen();
    // Lets further sockets take the same address (SO_REUSEPORT), which they must be told, too. TCP only.
    Result<void> share_address();
    // Of several sockets at its address this one alone gets new connections, if it was the first of them; or
    // each gets its share again. What waits in the others stays there. Where the kernel cannot (before Linux
    // 4.5; the way back 5.3) all go on.
    void take_all(bool on) noexcept;

    // Uses a socket that is listening already (inherited, or received), and applies those options that can be
    // changed (backlog, buffers, keep-alive, deferred). After an error it has the descriptor all the same:
    // release() gives it back.
    Result<void> adopt(FileDescriptor fd);
    // Changes the options of a socket that listens; one that does not yet takes them when it does. After an
    // error some are changed and some are not; it listens on. Some cannot be changed (ipv6_only, multipath):
    // that is such an error.
    Result<void> change_options(const ListenOptions& options);

    // Deletes the path of a unix socket; harmless for others.
    void remove_unix_path() const noexcept;

    // As it was asked for, and as it is (a port that the kernel chose is filled in once it listens).
    const Address& address() const noexcept { return address_; }
    const ListenOptions& options() const noexcept { return options_; }
    int fd() const noexcept { return fd_.get(); }
    bool has_socket() const noexcept { return static_cast<bool>(fd_); }
    // In a worker: did it listen when the worker was started.
    bool listening() const noexcept { return fd_ && listening_; }
    bool inherited() const noexcept { return inherited_; }
    // A connection waits to be accepted: asks the system.
    bool somebody_waits() const noexcept;
    FileDescriptor release() noexcept { return std::move(fd_); }
    void close() noexcept { fd_.reset(); }

    void open_session(OpenSession open, void* user) noexcept {
        open_ = open;
        user_ = user;
    }
    // Where this process counts what comes through this socket from now on; null: nowhere. Connections that
    // are open go on counting where they began.
    void count_in(ListenerCounters* counters) noexcept { counters_ = counters; }
    ListenerCounters* counters() const noexcept { return counters_; }

    // Null when nothing is served here or the connection is refused.
    std::unique_ptr<Session> make_session(Connection& connection);

 private:
    Result<void> prepare_bind(int fd) const;
    Result<void> bind_socket(int fd) const;
    Result<void> start_listening();
    Result<void> check_fixed() const;

    Address address_;
    ListenOptions options_;
    FileDescriptor fd_;
    bool listening_ = false;
    bool inherited_ = false;
    OpenSession open_ = nullptr;
    void* user_ = nullptr;
    ListenerCounters* counters_ = nullptr;
};

}  // namespace berth

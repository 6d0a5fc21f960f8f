// Connection: one accepted or connected stream socket, its session, its deadline and its place among the
// idle.
#pragma once

#include <coroutine>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/log/log.hpp"
#include "core/memory/buffer.hpp"
#include "core/memory/intrusive_list.hpp"
#include "core/net/address.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/async/async.hpp"
#include "event/async/awaiters.hpp"
#include "event/loop.hpp"
#include "event/session.hpp"
#include "event/transport.hpp"

namespace berth {

class ConnectionPool;
class Listener;
struct ListenerCounters;
struct ProxyHeader;

// How a wait for a socket ended.
enum class Wake : std::uint8_t { ready, timed_out, closed };

// Made by a ConnectionPool, which gives it a slot; destroyed by close(), at the end of the turn. Everything
// runs on the loop's thread. An idle one holds no I/O buffer and no arena.
class Connection final : public LogContext, private Buried {
 public:
    // --- what it is
    std::uint64_t number() const noexcept { return number_; }  // $connection: unique in the process
    const Address& peer() const noexcept { return peer_; }
    const Address& local() const noexcept;  // asked of the kernel at the first use
    int fd() const noexcept { return fd_.get(); }
    EventLoop& loop() const noexcept { return *loop_; }
    ConnectionPool& pool() const noexcept { return *pool_; }
    Listener* listener() const noexcept { return listener_; }  // null for an outgoing connection
    Log* log() const noexcept;                                 // the pool's; may be null
    TimePoint opened_at() const noexcept { return opened_at_; }
    // Where the peer is said to be: by a PROXY header or realip.
    void set_peer(Address peer) { peer_ = std::move(peer); }
    void set_local(Address local) const { local_ = std::move(local); }

    // Another process may hold the socket still when this closes it: then the kernel would go on reporting
    // it.
    void set_held_elsewhere() noexcept { held_elsewhere_ = true; }

    // What a PROXY header said; null when there was none.
    const ProxyHeader* proxy_header() const noexcept { return proxy_header_.get(); }
    void set_proxy_header(std::unique_ptr<ProxyHeader> header) noexcept;

    // --- its session and transport
    Session* session() const noexcept { return session_; }
    // Takes ownership and calls on_start(); the old session is buried. On a closed connection the new one is
    // buried too.
    void set_session(std::unique_ptr<Session> session);
    Transport& transport() const noexcept { return *transport_; }
    void set_transport(TransportPtr transport) noexcept { transport_ = std::move(transport); }

    // --- bytes
    // As Transport::recv() and send(), counted. After would_block the session is told when it can go on. One
    // read empties most sockets, and recv() notices: `while (connection.maybe_readable())` saves the read
    // that would only block.
    IoResult recv(std::span<char> into);
    IoResult send(Chain& chain, std::size_t limit = Transport::kNoLimit, Then then = Then::more);
    IoResult send(std::string_view bytes);
    // The same between the socket and a pipe (splice(2)), past the transport: for plain ones only, and not
    // while there are unread bytes. The pipe is empty before splice_to(), and has at least `size` bytes at
    // splice_from(), which then moves that many, or would_block. EINVAL: this kind of socket cannot.
    IoResult splice_to(int pipe, std::size_t limit);
    IoResult splice_from(int pipe, std::size_t size);
    // Puts bytes back: the next recv() gives them first. For a session that read more than was meant for it.
    // They are copied. A transport that is put under the connection next takes them with take_unread().
    void unread(std::string_view bytes);
    std::string take_unread() noexcept;
    bool has_unread() const noexcept { return unread_ != nullptr; }
    // True when a recv() may give something: it has not said would_block since the last event, or bytes wait
    // here.
    bool maybe_readable() const noexcept;
    bool maybe_writable() const noexcept { return writable_ && !closed_; }
    // The peer has sent its end, or the connection broke (EPOLLRDHUP, EPOLLERR); bytes may stand before it.
    bool peer_closed() const noexcept { return peer_closed_; }
    // Asks the kernel, by a system call: whether the connection is open and has nothing to read. No event
    // need have told of it yet.
    bool is_silent() const noexcept;
    // Has on_readable() called later in this turn if there may be something to read: after a pause
    // (back-pressure).
    void poke() noexcept;

    // TCP_NODELAY (set when a connection is accepted) and TCP_CORK, see tcp(7); harmless on unix sockets.
    // Corked bytes leave in full packets, the rest when the cork is taken off.
    void no_delay(bool on) noexcept;
    void cork(bool on) noexcept;

    std::uint64_t bytes_received() const noexcept { return received_; }
    std::uint64_t bytes_sent() const noexcept { return sent_; }
    std::uint32_t requests() const noexcept { return requests_; }
    void count_request() noexcept { ++requests_; }

    // --- time
    // Session::on_deadline() is called once, after `time`, unless a new deadline or no_deadline() comes
    // first. O(1) to move later.
    void deadline(Duration time) { timer_.start(*loop_, time); }
    void no_deadline() noexcept { timer_.stop(); }

    // Idle ones count as waiting for a request. They may be closed when the worker is short of connections,
    // and are when it finishes, unless they are not `evictable`. It is the session that says when; a deadline
    // set before goes on.
    void idle(bool on, bool evictable = true) noexcept;
    bool may_be_evicted() const noexcept { return idle_hook_.linked(); }

    // --- its end
    // The descriptor is closed now, everything else is destroyed at the end of the turn. Harmless when closed
    // already.
    void close() noexcept;
    // As close(), after the session was told: Session::on_cut_off().
    void cut_off();
    // As close(), of one whose peer may be sending still: what was sent leaves before the kernel finds
    // unread bytes and resets the connection.
    void finish() noexcept;
    // As close(), but the peer gets a reset instead of an orderly end (reset_timedout_connection).
    void abort() noexcept;
    // Sends the end of our stream, then reads and throws away what still comes, so that the peer sees our
    // last answer instead of a reset (RFC 9112, 9.6): for at most `time`, and no longer than `timeout` for
    // each read. The session is gone at once.
    void lingering_close(Duration time, Duration timeout);
    bool closed() const noexcept { return closed_; }

    // --- waiting, for coroutines; at most one waiter a direction, and while there is one the session is not
    // told. Wake w = co_await connection.readable(60s);  A negative time means no limit. It is ready at once
    // when recv() (send()) has not said would_block since the last event.
    // One whose connection is closed wakes with Wake::closed: the connection exists until the coroutine's
    // next wait.
    class Wait : public Waiter {
     public:
        Wait(Connection& connection, bool write, Duration time) noexcept
            : connection_(connection), write_(write), time_(time), timer_(Callback<>(&expired, this)) {}
        ~Wait() { detach(); }
        bool await_ready() noexcept;
        bool await_suspend(std::coroutine_handle<> waiting);
        Wake await_resume() noexcept {
            detach();
            return wake_;
        }

     private:
        friend class Connection;
        static void expired(void* self);
        void detach() noexcept;
        void wake(Wake wake);

        Connection& connection_;
        bool write_;
        bool attached_ = false;
        Wake wake_ = Wake::ready;
        Duration time_;
        Timer timer_;
    };
    Wait readable(Duration time = Duration(-1)) noexcept { return Wait(*this, false, time); }
    Wait writable(Duration time = Duration(-1)) noexcept { return Wait(*this, true, time); }

    // --- LogContext
    std::uint64_t connection_number() const noexcept override { return number_; }
    void describe(LogFields& fields) const override;  // client: …, server: …

 private:
    friend class ConnectionPool;

    Connection(ConnectionPool& pool, FileDescriptor fd, Address peer, std::uint64_t number);
    ~Connection() override;
    void dispose() noexcept override;
    void on_ready(Readiness readiness);
    void on_timer();
    void on_poke();
    void tell_readable();
    void watch() noexcept;
    Wait*& waiter(bool write) noexcept { return write ? write_wait_ : read_wait_; }
    void after_recv(const IoResult& result) noexcept;
    void after_send(const IoResult& result) noexcept;

    bool readable_ = false;
    bool writable_ = true;
    bool peer_closed_ = false;
    bool closed_ = false;
    bool held_elsewhere_ = false;
    bool end_sent_ = false;    // or a reset is wanted instead
    bool read_first_ = false;  // not watched yet: it was read at once, and may be over soon
    bool waits_ = false;       // is idle, evictable or not: counted so
    std::uint32_t requests_ = 0;
    EventLoop* loop_;
    ConnectionPool* pool_;
    Listener* listener_ = nullptr;
    ListenerCounters* counters_ = nullptr;  // of its listener; null where nobody counts
    Session* session_ = nullptr;
    TransportPtr transport_;
    std::unique_ptr<std::string> unread_;
    std::unique_ptr<ProxyHeader> proxy_header_;
    Wait* read_wait_ = nullptr;
    Wait* write_wait_ = nullptr;
    std::uint64_t number_;
    std::uint64_t received_ = 0;
    std::uint64_t sent_ = 0;
    TimePoint opened_at_;
    FileDescriptor fd_;
    Address peer_;
    mutable Address local_;
    ListHook idle_hook_;
    ListHook all_hook_;
    Timer timer_;
    Task poke_;
    Watcher watcher_;
};

}  // namespace berth

// Connections: readiness, sessions, and the several ways to end.
#include "event/connection.hpp"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>

#include "event/connection_pool.hpp"
#include "event/listener.hpp"
#include "event/process/scoreboard.hpp"
#include "event/proxy_protocol.hpp"

namespace berth {

namespace {

// Reads and throws away until the peer has ended, or time is up.
class LingerSession final : public Session {
 public:
    LingerSession(TimePoint end, Duration timeout) noexcept : end_(end), timeout_(timeout) {}

    void on_start() override { wait(); }

    void on_readable() override {
        std::array<char, 4096> ignored;
        for (int reads = 0; connection().maybe_readable(); ++reads) {
            if (reads == kReadsATurn) return connection().poke();
            const IoResult result = connection().recv(ignored);
            if (result.would_block()) break;
            if (!result.ok()) return connection().close();
        }
        wait();
    }

 private:
    static constexpr int kReadsATurn = 16;

    void wait() {
        const Duration left = end_ - connection().loop().now();
        if (left <= Duration::zero()) return connection().close();
        connection().deadline(std::min(left, timeout_));
    }

    TimePoint end_;
    Duration timeout_;
};

}  // namespace

Connection::Connection(ConnectionPool& pool, FileDescriptor fd, Address peer, std::uint64_t number)
    : loop_(&pool.loop()),
      pool_(&pool),
      transport_(&plain_transport()),
      number_(number),
      opened_at_(pool.loop().now()),
      fd_(std::move(fd)),
      peer_(std::move(peer)),
      timer_(Callback<>::to<&Connection::on_timer>(*this)),
      poke_(Callback<>::to<&Connection::on_poke>(*this)),
      watcher_(Callback<Readiness>::to<&Connection::on_ready>(*this), fd_.get()) {}

Connection::~Connection() = default;

void Connection::dispose() noexcept {
    if (read_wait_ != nullptr || write_wait_ != nullptr) {
        loop_->bury(*this);  // a coroutine has yet to learn that this connection was closed
        return;
    }
    pool_->give_back(*this);
}

const Address& Connection::local() const noexcept {
    if (!local_.specified() && fd_) local_ = Address::of_socket(fd_.get());
    return local_;
}

void Connection::set_proxy_header(std::unique_ptr<ProxyHeader> header) noexcept {
    proxy_header_ = std::move(header);
}

Log* Connection::log() const noexcept { return pool_->log(); }

void Connection::describe(LogFields& fields) const {
    if (listener_ == nullptr) {
        fields.add("upstream", peer_.to_text());
        return;
    }
    fields.add("client", peer_.ip_text());
    fields.add("server", listener_->address().to_text());
}

void Connection::set_session(std::unique_ptr<Session> session) {
    if (session_ != nullptr) loop_->bury(*std::exchange(session_, nullptr));
    if (session == nullptr) return;
    if (closed_) return loop_->bury(*session.release());
    session_ = session.release();
    session_->connection_ = this;
    session_->on_start();
    // One that is not watched yet is in the end, also when on_start() has read all there was.
    if (maybe_readable() || !watcher_.watched()) poke();
}

void Connection::after_recv(const IoResult& result) noexcept {
    // With the end announced (EPOLLRDHUP) no further event would come: it has to be read to its end.
    if (result.would_block() || (result.drained && !peer_closed_)) {
        readable_ = false;
        watcher_.rearm_read();
    }
    if (watcher_.watched()) return;
    if (read_first_) pool_->found(!result.would_block());
    if (result.would_block()) watch();
}

// A new connection that was read before it was watched. It must be watched before anybody waits for it.
void Connection::watch() noexcept {
    read_first_ = false;
    if (Result<void> watched = loop_->watch(watcher_); !watched) {
        if (Log* to = log()) to->crit("a connection was closed: {}", watched.error().message);
        if (counters_ != nullptr) count(counters_->refused);
        close();
    }
}

IoResult Connection::recv(std::span<char> into) {
    assert(!into.empty());
    if (closed_) return IoResult::end();
    if (unread_ != nullptr) {
        const std::size_t count = std::min(into.size(), unread_->size());
        std::memcpy(into.data(), unread_->data(), count);
        unread_->erase(0, count);
        if (unread_->empty()) unread_.reset();
        return IoResult::done(count);
    }
    const IoResult result = transport_->recv(fd_.get(), into);
    received_ += result.bytes;
    if (counters_ != nullptr) count(counters_->received, result.bytes);
    after_recv(result);
    return result;
}

IoResult Connection::send(Chain& chain, std::size_t limit, Then then) {
    if (closed_) return IoResult::failed(EPIPE);
    const IoResult result = transport_->send(fd_.get(), chain, limit, then);
    after_send(result);
    return result;
}

IoResult Connection::send(std::string_view bytes) {
    Buffer part;
    part.begin = bytes.data();
    part.end = bytes.data() + bytes.size();
    Chain chain;
    chain.append(&part);
    return send(chain);
}

IoResult Connection::splice_to(int pipe, std::size_t limit) {
    if (closed_) return IoResult::end();
    const ssize_t got = ::splice(fd_.get(), nullptr, pipe, nullptr, limit, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    IoResult result = IoResult::done(static_cast<std::size_t>(std::max(got, ssize_t{0})));
    if (got == 0) result = IoResult::end();
    if (got < 0) result = errno == EAGAIN ? IoResult::blocked() : IoResult::failed(errno);
    received_ += result.bytes;
    if (counters_ != nullptr) count(counters_->received, result.bytes);
    after_recv(result);
    return result;
}

IoResult Connection::splice_from(int pipe, std::size_t size) {
    if (closed_) return IoResult::failed(EPIPE);
    std::size_t moved = 0;
    while (moved < size) {
        const ssize_t went =
            ::splice(pipe, nullptr, fd_.get(), nullptr, size - moved, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (went <= 0) break;
        moved += static_cast<std::size_t>(went);
    }
    IoResult result = IoResult::done(moved);
    if (moved < size) result = errno == EAGAIN ? IoResult::blocked(moved) : IoResult::failed(errno, moved);
    after_send(result);
    return result;
}

void Connection::after_send(const IoResult& result) noexcept {
    sent_ += result.bytes;
    if (counters_ != nullptr) count(counters_->sent, result.bytes);
    if (!result.would_block()) return;
    writable_ = false;
    if (!watcher_.watched()) watch();
    watcher_.rearm_write();
}

void Connection::no_delay(bool on) noexcept {
    const int value = on ? 1 : 0;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
}

void Connection::cork(bool on) noexcept {
    const int value = on ? 1 : 0;
    ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

void Connection::unread(std::string_view bytes) {
    if (bytes.empty()) return;
    if (unread_ == nullptr) unread_ = std::make_unique<std::string>();
    unread_->insert(0, bytes);
}

std::string Connection::take_unread() noexcept {
    std::string bytes;
    if (unread_ != nullptr) bytes = std::move(*unread_);
    unread_.reset();
    return bytes;
}

bool Connection::maybe_readable() const noexcept {
    return !closed_ && (readable_ || unread_ != nullptr || transport_->pending());
}

bool Connection::is_silent() const noexcept {
    char byte = 0;
    if (closed_ || unread_ != nullptr || transport_->pending()) return false;
    return ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

void Connection::poke() noexcept {
    if (!closed_) loop_->post(poke_);
}

// One that was read first is watched a turn later: short answers have gone out by then, and with many of
// them the connection.
void Connection::on_poke() {
    const bool is_new = !watcher_.watched();
    if (is_new && !read_first_) return watch(), tell_readable();
    tell_readable();
    if (closed_ || watcher_.watched()) return;
    read_first_ = false;
    poke();
}

void Connection::tell_readable() {
    if (!maybe_readable()) return;
    if (read_wait_ != nullptr) return read_wait_->wake(Wake::ready);
    if (session_ != nullptr) session_->on_readable();
}

void Connection::on_ready(Readiness readiness) {
    const bool was_full = !writable_;
    peer_closed_ |= readiness.peer_closed;
    readable_ |= readiness.readable;
    writable_ |= readiness.writable;
    if (readiness.readable) tell_readable();
    if (closed_ || !readiness.writable || !was_full) return;
    if (write_wait_ != nullptr) return write_wait_->wake(Wake::ready);
    if (session_ != nullptr) session_->on_writable();
}

void Connection::on_timer() {
    if (session_ != nullptr) return session_->on_deadline();
    close();
}

void Connection::idle(bool on, bool evictable) noexcept {
    if (!closed_) pool_->set_idle(*this, on, evictable);
}

void Connection::close() noexcept {
    if (closed_) return;
    pool_->set_idle(*this, false);
    closed_ = true;
    timer_.stop();
    poke_.cancel();
    if (held_elsewhere_) {
        watcher_.unwatch();
        if (!end_sent_) static_cast<void>(transport_->shutdown_write(fd_.get()));
    } else {
        watcher_.unwatch_closing();
    }
    fd_.reset();
    unread_.reset();
    for (Wait* waiter : {read_wait_, write_wait_}) {
        if (waiter == nullptr) continue;
        waiter->timer_.stop();
        waiter->wake_ = Wake::closed;
        loop_->post(*waiter);  // not from here: who closes may be the one who waits for the other direction
    }
    if (session_ != nullptr) loop_->bury(*std::exchange(session_, nullptr));
    loop_->bury(*this);
    pool_->closed(*this);
}

void Connection::cut_off() {
    if (!closed_ && session_ != nullptr) session_->on_cut_off();
    close();
}

void Connection::finish() noexcept {
    if (!closed_) transport_->shutdown_write(fd_.get());
    end_sent_ = true;
    close();
}

void Connection::abort() noexcept {
    if (closed_) return;
    const linger reset{1, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    end_sent_ = true;
    close();
}

void Connection::lingering_close(Duration time, Duration timeout) {
    if (closed_) return;
    idle(false);
    end_sent_ = true;
    if (transport_->shutdown_write(fd_.get()).failed()) return close();
    set_session(std::make_unique<LingerSession>(loop_->now() + time, timeout));
}

bool Connection::Wait::await_ready() noexcept {
    if (connection_.closed_) wake_ = Wake::closed;
    return connection_.closed_ || (write_ ? connection_.writable_ : connection_.maybe_readable());
}

bool Connection::Wait::await_suspend(std::coroutine_handle<> waiting) {
    assert(connection_.waiter(write_) == nullptr);
    suspend(waiting);
    connection_.waiter(write_) = this;
    attached_ = true;
    if (time_ >= Duration::zero()) timer_.start(*connection_.loop_, time_);
    return true;
}

void Connection::Wait::detach() noexcept {
    if (std::exchange(attached_, false)) connection_.waiter(write_) = nullptr;
}

void Connection::Wait::expired(void* self) { static_cast<Wait*>(self)->wake(Wake::timed_out); }

// From the loop's stack: an event, or the timer.
void Connection::Wait::wake(Wake wake) {
    timer_.stop();
    detach();
    wake_ = wake;
    resume(this);
}

}  // namespace berth

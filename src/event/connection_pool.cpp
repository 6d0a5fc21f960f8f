// Slots for connections, and the eviction of idle ones.
#include "event/connection_pool.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <new>

#include "event/listener.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

namespace {

constexpr std::size_t kShortOf = 16;    // eviction begins when a sixteenth of the slots is left
constexpr std::size_t kEvictMost = 32;  // in one go
// Half of it: so many new connections are watched at once, at most, before one is read first again.
constexpr unsigned kLongestPause = 31;

std::atomic<std::uint64_t> last_number{0};

int socket_error(int fd) noexcept {
    int error = 0;
    socklen_t length = sizeof error;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
    return error;
}

}  // namespace

union ConnectionPool::Slot {
    Slot* next;
    alignas(Connection) std::byte storage[sizeof(Connection)];
};

ConnectionPool::ConnectionPool(EventLoop& loop, std::size_t limit, Log* log)
    : loop_(loop), log_(log), limit_(limit) {}

ConnectionPool::~ConnectionPool() {
    when_empty_ = Callback<>();
    for_each([](Connection& connection) { connection.close(); });
    if (unburied_ > 0) loop_.settle();
}

Connection* ConnectionPool::open(FileDescriptor fd, Address peer, Listener* listener) {
    // What is reserved is as good as used.
    if (free() <= limit_ / kShortOf + (listener != nullptr ? reserved_ : 0))
        evict(std::min(kEvictMost, idle_count_ / 8 + 1));
    if (used_ >= limit_) {
        errno = ENOBUFS;
        return nullptr;
    }
    void* slot = take_slot();
    const std::uint64_t number = last_number.fetch_add(1, std::memory_order_relaxed) + 1;
    auto* connection = new (slot) Connection(*this, std::move(fd), std::move(peer), number);
    connection->listener_ = listener;
    if (listener != nullptr && listener->counters() != nullptr) {
        connection->counters_ = listener->counters();
        count(connection->counters_->open);
        count(connection->counters_->descriptors);
    }
    ++used_;
    ++unburied_;
    all_.push_back(*connection);
    if (listener != nullptr && debug_ != nullptr) {
        const bool wanted = std::ranges::any_of(
            *debug_, [&](const Cidr& network) { return network.contains(connection->peer()); });
        connection->log_everything(wanted);
    }
    if (listener != nullptr && reads_first()) {
        connection->readable_ = connection->read_first_ = true;
    } else if (auto watched = loop_.watch(connection->watcher_); !watched) {
        connection->close();
        errno = watched.error().code;
        return nullptr;
    }
    return connection;
}

Connection* ConnectionPool::connect(const Address& to, const Address& from, bool transparent) {
    // Who is connected to would see it come and go.
    if (!make_room(0)) {
        errno = ENOBUFS;
        return nullptr;
    }
    FileDescriptor fd(::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return nullptr;
    const int on = 1;
    if (!to.is_unix()) ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (from.specified()) {
        const int level = to.family() == AF_INET6 ? SOL_IPV6 : SOL_IP;
        const int option = to.family() == AF_INET6 ? IPV6_TRANSPARENT : IP_TRANSPARENT;
        if (transparent && ::setsockopt(fd.get(), level, option, &on, sizeof on) != 0) return nullptr;
        // The port is chosen at connect(), by the four-tuple: more outgoing connections than ports. One that
        // is given may be used towards other backends, or have been used before.
        if (from.port() == 0) {
            ::setsockopt(fd.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        } else {
            ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        }
        if (::bind(fd.get(), from.data(), from.length()) != 0) return nullptr;
    }
    const bool connected = ::connect(fd.get(), to.data(), to.length()) == 0;
    if (!connected && errno != EINPROGRESS) return nullptr;
    if (!connected) {  // on this machine the answer is there already
        errno = socket_error(fd.get());
        if (errno != 0) return nullptr;
    }
    Connection* connection = open(std::move(fd), to);
    if (connection != nullptr && !connected) {
        connection->writable_ = false;
        connection->watcher_.rearm_write();
    }
    return connection;
}

int ConnectionPool::connect_error(const Connection& connection) noexcept {
    return socket_error(connection.fd());
}

bool ConnectionPool::reads_first() noexcept {
    if (watch_first_ == 0) return true;
    --watch_first_;
    return false;
}

// Reading first saves calls of epoll_ctl(2) when there is something, and costs a recv(2) when there is
// nothing: one that had nothing says little, several in a row say that these clients speak later.
void ConnectionPool::found(bool something) noexcept {
    pause_ = something ? 0 : std::min(pause_ * 2 + 1, kLongestPause);
    watch_first_ = pause_ / 2;
}

void* ConnectionPool::take_slot() {
    if (free_ == nullptr) {
        slabs_.push_back(std::make_unique<Slot[]>(kSlab));
        for (std::size_t i = kSlab; i > 0; --i) {
            Slot& slot = slabs_.back()[i - 1];
            slot.next = free_;
            free_ = &slot;
        }
    }
    Slot* slot = free_;
    free_ = slot->next;
    return slot;
}

void ConnectionPool::give_back(Connection& connection) noexcept {
    connection.~Connection();
    auto* slot = reinterpret_cast<Slot*>(&connection);
    slot->next = free_;
    free_ = slot;
    --unburied_;
}

void ConnectionPool::set_idle(Connection& connection, bool on, bool evictable) noexcept {
    if (connection.may_be_evicted()) {
        connection.idle_hook_.unlink();
        --idle_count_;
    }
    if (on && evictable) {
        idle_.push_back(connection);
        ++idle_count_;
    }
    if (std::exchange(connection.waits_, on) == on || connection.counters_ == nullptr) return;
    if (on) {
        count(connection.counters_->idle);
    } else {
        uncount(connection.counters_->idle);
    }
}

void ConnectionPool::closed(Connection& connection) noexcept {
    connection.all_hook_.unlink();
    if (connection.counters_ != nullptr) {
        uncount(connection.counters_->open);
        uncount(connection.counters_->descriptors);
    }
    if (--used_ == 0 && when_empty_) std::exchange(when_empty_, Callback<>())();
}

// Not all that are idle go when they are asked to.
bool ConnectionPool::make_room(std::size_t kept) {
    while (used_ + kept >= limit_ && idle_count_ > 0) evict(1);
    return used_ + kept < limit_;
}

void ConnectionPool::evict(std::size_t count) {
    for (; count > 0 && idle_count_ > 0; --count) {
        Connection& connection = *idle_.front();
        const std::size_t before = used_;
        set_idle(connection, false);
        if (connection.session() != nullptr) {
            connection.session()->on_evict();
        } else {
            connection.close();
        }
        if (used_ < before) ++evicted_;
    }
}

void ConnectionPool::drain() {
    for_each([](Connection& connection) {
        if (connection.session() != nullptr) connection.session()->on_drain();
    });
}

void ConnectionPool::close_idle() {
    while (Connection* connection = idle_.front()) {
        set_idle(*connection, false);
        connection->close();
    }
}

void ConnectionPool::when_empty(Callback<> empty) {
    if (used_ == 0) return empty();
    when_empty_ = empty;
}

}  // namespace berth

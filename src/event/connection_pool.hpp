// ConnectionPool: a worker's connections: their slots, their limit, and which of them are idle.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/net/cidr.hpp"
#include "event/connection.hpp"

namespace berth {

// One for each worker, bounded by worker_connections. Slots come in slabs and are used again, last in first
// out.
class ConnectionPool {
 public:
    // `log` may be null and must outlive the pool.
    ConnectionPool(EventLoop& loop, std::size_t limit, Log* log = nullptr);
    ConnectionPool(const ConnectionPool&) = delete;
    ConnectionPool& operator=(const ConnectionPool&) = delete;
    // Closes what is left.
    ~ConnectionPool();

    // A connection for an open, non-blocking socket; the session is the caller's to set, in the same turn. It
    // is watched by the loop, or, if it was accepted and clients seem to send at once, read first: one that
    // is over after its first answer costs the poller nothing. When few slots are left, the longest idle
    // connections are evicted. Null when all are in use and none was idle, or the poller refused (errno says
    // which; ENOBUFS when full); the descriptor is closed then, so ask make_room() first if it should not be.
    Connection* open(FileDescriptor fd, Address peer, Listener* listener = nullptr);

    // An outgoing connection: a socket connecting to `to`; bound to `from` if that is specified, which need
    // not be an address of this machine if it is `transparent` (IP_TRANSPARENT, ip(7)). Wait until it is
    // writable (as one to a unix socket is at once), then ask connect_error(). Null with errno set when it
    // failed at once.
    Connection* connect(const Address& to, const Address& from = Address(), bool transparent = false);
    // What became of connect(): 0 or errno.
    static int connect_error(const Connection& connection) noexcept;

    std::size_t limit() const noexcept { return limit_; }
    std::size_t used() const noexcept { return used_; }  // open connections
    std::size_t free() const noexcept { return used_ < limit_ ? limit_ - used_ : 0; }
    std::size_t idle() const noexcept { return idle_count_; }  // and may be evicted
    // Whether one more may be accepted: a slot is left besides those reserved, or an idle connection was
    // closed for it.
    bool make_room() { return make_room(reserved_); }
    // Keeps a slot for a connection that will be made: who asks make_room() first leaves it.
    void reserve() noexcept { ++reserved_; }
    void unreserve() noexcept { --reserved_; }
    std::uint64_t evicted() const noexcept { return evicted_; }
    EventLoop& loop() const noexcept { return loop_; }
    Log* log() const noexcept { return log_; }

    // Accepted connections from there are logged about at every level (debug_connection). The list outlives
    // the pool.
    void debug(const std::vector<Cidr>& networks) noexcept { debug_ = &networks; }

    // Tells every session to drain. Called again by later callers it tells the remaining ones again.
    void drain();
    // Closes all idle connections.
    void close_idle();
    // Called once, when the last connection has gone after this; at once (before it returns) when there is
    // none.
    void when_empty(Callback<> empty);

    // Calls `visit(Connection&)` for each open connection, which may close that one.
    template <class Visit>
    void for_each(Visit visit) {
        List all;
        all.splice_back(all_);
        while (Connection* connection = all.pop_front()) {
            all_.push_back(*connection);
            visit(*connection);
        }
    }

 private:
    friend class Connection;
    using List = IntrusiveList<Connection, &Connection::all_hook_>;
    using IdleList = IntrusiveList<Connection, &Connection::idle_hook_>;
    static constexpr std::size_t kSlab = 64;
    union Slot;  // a connection, or a link of the free list

    void* take_slot();
    bool reads_first() noexcept;
    void found(bool something) noexcept;
    void set_idle(Connection& connection, bool on, bool evictable = true) noexcept;
    void closed(Connection& connection) noexcept;
    void give_back(Connection& connection) noexcept;
    bool make_room(std::size_t kept);
    void evict(std::size_t count);

    EventLoop& loop_;
    const std::vector<Cidr>* debug_ = nullptr;
    Log* log_;
    std::size_t limit_;
    std::size_t used_ = 0;
    std::size_t reserved_ = 0;
    std::size_t idle_count_ = 0;
    unsigned watch_first_ = 0;  // so many accepted connections are watched at once
    unsigned pause_ = 0;        // the longer, the more in a row had nothing to read
    std::uint64_t evicted_ = 0;
    std::vector<std::unique_ptr<Slot[]>> slabs_;
    Slot* free_ = nullptr;
    std::size_t unburied_ = 0;
    List all_;
    IdleList idle_;  // longest idle first
    Callback<> when_empty_;
};

}  // namespace berth

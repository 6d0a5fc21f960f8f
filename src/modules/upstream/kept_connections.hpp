// KeptConnections: connections to peers that wait for the next request.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/memory/intrusive_list.hpp"
#include "event/connection.hpp"
#include "modules/upstream/lease.hpp"
#include "modules/upstream/parameters.hpp"
#include "modules/upstream/peer_group.hpp"

namespace berth::upstream {

class KeptConnections;

// The session of a connection while nobody uses it. Whatever the peer sends, its end above all, closes it;
// bytes are counted and logged (PeerState::unasked).
class KeptConnection final : public Session {
 public:
    KeptConnection(KeptConnections& owner, Column& column, PeerState& peer, const ConnectionUse& use);
    ~KeptConnection() override { leave(); }

    void on_readable() override;
    void on_deadline() override { close(); }
    void on_drain() override { close(); }
    void on_evict() override { close(); }

    void leave() noexcept;  // is counted no more
    void close() noexcept;

 private:
    friend class KeptConnections;
    KeptConnections* owner_;
    Column& column_;
    PeerState& peer_;
    ConnectionUse use_;
    ListHook of_peer_;
    ListHook by_age_;

 public:
    using PeerList = IntrusiveList<KeptConnection, &KeptConnection::of_peer_>;  // the latest first
    using AgeList = IntrusiveList<KeptConnection, &KeptConnection::by_age_>;
};

// Of one worker and upstream. Also closed are those idle for keepalive_timeout, all when the worker drains,
// and the oldest when it runs short of connections. A kept connection holds no buffer.
class KeptConnections {
 public:
    explicit KeptConnections(const KeepaliveOptions& options) noexcept : options_(options) {}
    KeptConnections(const KeptConnections&) = delete;
    KeptConnections& operator=(const KeptConnections&) = delete;
    ~KeptConnections();

    // Takes over a connection that has served one request more. False: it is not fit to be kept, and still
    // the caller's. When too many are kept, the oldest goes; but one whose address varies, which serves few
    // requests, replaces only one of its kind. `peer` exists as long as connections to it do.
    bool keep(KeptConnection::PeerList& list, Connection& connection, Column& column, PeerState& peer,
              const ConnectionUse& use);
    // The latest that was kept for such a use, without a session; null when there is none. `certain`: see
    // Lease::take_idle().
    Connection* take(KeptConnection::PeerList& list, bool certain, const ConnectionUse& use) const noexcept;
    static void close(KeptConnection::PeerList& list) noexcept;

    std::size_t size() const noexcept { return size_; }

 private:
    friend class KeptConnection;
    KeptConnection* oldest_that_varies() const noexcept;
    bool fits(const KeptConnection& kept, const ConnectionUse& use) const noexcept;
    KeptConnection* latest(KeptConnection::PeerList& list, const ConnectionUse& use) const noexcept;

    const KeepaliveOptions& options_;
    std::size_t size_ = 0;
    KeptConnection::AgeList by_age_;  // the oldest first
};

}  // namespace berth::upstream

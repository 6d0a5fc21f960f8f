// Keeping connections, and noticing their end.
#include "modules/upstream/kept_connections.hpp"

#include <memory>

namespace berth::upstream {

namespace {

void note_unasked(PeerState& peer, Connection& connection) {
    peer.unasked.fetch_add(1, std::memory_order_relaxed);
    if (connection.log() == nullptr) return;
    connection.log()->at(LogLevel::warn, &connection,
                         "a kept connection is closed: {} sent bytes nobody had asked for", peer.name);
}

}  // namespace

KeptConnection::KeptConnection(KeptConnections& owner, Column& column, PeerState& peer,
                               const ConnectionUse& use)
    : owner_(&owner), column_(column), peer_(peer), use_(use) {
    ++owner.size_;
    owner.by_age_.push_back(*this);
    column_.held[peer_.index].idle.fetch_add(1, std::memory_order_relaxed);
}

void KeptConnection::leave() noexcept {
    if (owner_ == nullptr) return;
    of_peer_.unlink();
    by_age_.unlink();
    column_.held[peer_.index].idle.fetch_sub(1, std::memory_order_relaxed);
    --owner_->size_;
    owner_ = nullptr;
}

void KeptConnection::close() noexcept {
    leave();
    connection().close();
}

void KeptConnection::on_readable() {
    char byte = 0;
    const IoResult result = connection().recv({&byte, 1});
    if (result.would_block()) return;
    if (result.ok()) note_unasked(peer_, connection());
    close();
}

KeptConnections::~KeptConnections() {
    while (KeptConnection* kept = by_age_.front()) kept->close();
}

bool KeptConnections::keep(KeptConnection::PeerList& list, Connection& connection, Column& column,
                           PeerState& peer, const ConnectionUse& use) {
    connection.count_request();
    if (options_.connections == 0 || connection.closed() || connection.peer_closed()) return false;
    if (connection.has_unread()) return note_unasked(peer, connection), false;
    if (connection.requests() >= options_.requests) return false;
    if (connection.loop().now() - connection.opened_at() >= options_.time) return false;
    // Nobody else can connect from there to this peer while it is open.
    if (use.from.port() != 0) return false;
    while (size_ >= options_.connections) {
        KeptConnection* oldest = use.varies ? oldest_that_varies() : by_age_.front();
        if (oldest == nullptr) return false;
        oldest->close();
    }
    auto session = std::make_unique<KeptConnection>(*this, column, peer, use);
    list.push_front(*session);
    connection.set_session(std::move(session));
    connection.idle(true);
    connection.deadline(options_.timeout);
    return true;
}

KeptConnection* KeptConnections::oldest_that_varies() const noexcept {
    for (KeptConnection& each : by_age_) {
        if (each.use_.varies) return &each;
    }
    return nullptr;
}

bool KeptConnections::fits(const KeptConnection& kept, const ConnectionUse& use) const noexcept {
    return kept.use_.from == use.from && (!options_.local || kept.use_.place == use.place);
}

KeptConnection* KeptConnections::latest(KeptConnection::PeerList& list,
                                        const ConnectionUse& use) const noexcept {
    for (KeptConnection& each : list) {
        if (fits(each, use)) return &each;
    }
    return nullptr;
}

Connection* KeptConnections::take(KeptConnection::PeerList& list, bool certain,
                                  const ConnectionUse& use) const noexcept {
    while (KeptConnection* kept = latest(list, use)) {
        Connection& connection = kept->connection();
        // Its session was not told yet what came, or the loop was not.
        const bool asks = certain || connection.maybe_readable() || connection.peer_closed();
        if (!connection.closed() && asks && !connection.is_silent()) kept->on_readable();
        kept->leave();
        if (connection.closed()) continue;
        connection.set_session(nullptr);
        connection.idle(false);
        connection.no_deadline();
        return &connection;
    }
    return nullptr;
}

void KeptConnections::close(KeptConnection::PeerList& list) noexcept {
    while (KeptConnection* kept = list.front()) kept->close();
}

}  // namespace berth::upstream

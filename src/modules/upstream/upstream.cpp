// An upstream from its configuration to its peers.
#include "modules/upstream/upstream.hpp"

#include <algorithm>

#include "core/memory/zones.hpp"
#include "event/process/worker.hpp"
#include "modules/upstream/name_watch.hpp"
#include "modules/upstream/peer_group.hpp"
#include "modules/upstream/resolvers.hpp"
#include "modules/upstream/upstream_worker.hpp"

namespace berth::upstream {

namespace {

constexpr std::size_t kPeersByCommand = 64;

}  // namespace

Upstream::Upstream(std::string name) : name_(std::move(name)) {}
Upstream::~Upstream() = default;

std::size_t Upstream::zone_needed() const noexcept {
    std::size_t peers = 0;
    std::size_t names = 0;
    for (const Server& server : servers) {
        peers += server.addresses.size();
        names += server.resolve ? 1 : 0;
    }
    // Where commands add peers for good, the next configuration finds the same zone large enough.
    if (!state_path.empty()) peers = std::max(peers, kPeersByCommand);
    if (names == 0 || resolver == nullptr) return PeerGroup::zone_size(peers);
    // One name may have as many as there may be, and those that go are there for a while beside those that
    // come; it is rare that all are like that.
    constexpr std::size_t kExpected = 8;
    peers += 2 * resolver->options.addresses + names * kExpected;
    return PeerGroup::zone_size(peers);
}

Result<void> Upstream::prepare(std::string_view protocol, std::uint64_t generation) {
    const std::string full_name = std::string(protocol) + "/" + name_;
    Result<std::shared_ptr<Zone>> zone =
        zone_name.empty() ? open_zone("upstream " + full_name, zone_needed(), ZoneSize::at_least)
                          : open_zone(zone_name, zone_size);
    if (!zone) return zone.error();
    Result<std::unique_ptr<PeerGroup>> group =
        PeerGroup::create(*std::move(zone), full_name, generation, servers);
    if (!group) return group.error();
    group_ = *std::move(group);
    if (sticky == nullptr || sticky->by != Sticky::By::learn) return {};
    Result<std::shared_ptr<Zone>> session_zone = open_zone(sticky->zone_name, sticky->zone_size);
    if (!session_zone) return session_zone.error();
    Result<std::unique_ptr<Sessions>> sessions = Sessions::create(*std::move(session_zone));
    if (!sessions) return sessions.error();
    sticky->sessions = *std::move(sessions);
    return {};
}

std::unique_ptr<Balancer> Upstream::make_balancer() const {
    return balancer.make == nullptr ? make_round_robin() : balancer.make(balancer.conf);
}

Result<void> Upstream::start(Worker& worker) {
    return start(worker.connections(), {&worker.row().id, worker.id()}, &worker.log(), &worker);
}

Result<void> Upstream::start(ConnectionPool& connections, const Owner& owner, Log* log,
                             const Worker* worker) {
    Result<std::unique_ptr<UpstreamWorker>> half =
        UpstreamWorker::create(*this, connections, owner, log, worker);
    if (!half) return half.error();
    worker_ = *std::move(half);
    if (worker != nullptr && std::ranges::any_of(servers, &Server::resolve)) {
        names_ = std::make_unique<NameWatch>(connections.loop(), *this, owner, log, worker);
        names_->start();
    }
    return {};
}

void Upstream::stop() noexcept {
    names_.reset();
    worker_.reset();
}

}  // namespace berth::upstream

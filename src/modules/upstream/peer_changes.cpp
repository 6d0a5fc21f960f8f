// What changes an upstream's peers while the server runs: names that resolve anew, and commands.
#include <algorithm>

#include "modules/upstream/health.hpp"
#include "modules/upstream/peer_group.hpp"

namespace berth::upstream {

namespace {

Error no_peer(std::string_view name) { return Error("no server \"" + std::string(name) + "\""); }

}  // namespace

Result<void> PeerGroup::set_addresses(std::uint32_t server, std::span<const Address> addresses,
                                      std::uint64_t now) {
    if (server >= servers_.size()) return Error("no such server line");
    std::vector<std::string> names;
    for (const Address& address : addresses) names.push_back(address.to_text());
    const Lock held = lock();
    // New ones first, so that there is never a moment without any.
    for (std::size_t i = 0; i < addresses.size(); ++i) {
        const bool known = std::ranges::any_of(roster_->all(), [&](const Member& member) {
            return member.server == server && member.peer->name == names[i];
        });
        if (!known && !append(addresses[i], servers_[server], server, now)) return full();
    }
    for (std::size_t i = roster_->count; i > 0; --i) {
        const Member& member = roster_->members[i - 1];
        if (member.server != server) continue;
        if (std::ranges::find(names, member.peer->name) != names.end()) continue;
        member.peer->epoch.fetch_add(1, std::memory_order_relaxed);
        erase(i - 1);
    }
    roster_->version = ++shared_->last_id;
    sweep_peers();
    return {};
}

Result<void> PeerGroup::add_peer(const Address& address, const Parameters& parameters, std::uint64_t now) {
    Server server;
    server.name = address.to_text();
    server.parameters = parameters;
    const Lock held = lock();
    if (named(server.name) != nullptr) return Error("server \"" + server.name + "\" is there already");
    if (!append(address, server, Member::kAdded, now)) return full();
    roster_->version = ++shared_->last_id;
    return {};
}

Result<void> PeerGroup::remove_peer(std::string_view name) {
    const Lock held = lock();
    Member* member = named(name);
    if (member == nullptr) return no_peer(name);
    if (roster_->count == 1) return Error("the last server of an upstream cannot be removed");
    member->peer->epoch.fetch_add(1, std::memory_order_relaxed);
    erase(static_cast<std::size_t>(member - roster_->members));
    roster_->version = ++shared_->last_id;
    sweep_peers();
    return {};
}

Result<void> PeerGroup::change_peer(std::string_view name, const Parameters& parameters, std::uint64_t now) {
    const Lock held = lock();
    Member* member = named(name);
    if (member == nullptr) return no_peer(name);
    if (parameters.weight == 0) return Error("the weight of a server is at least 1");
    const bool returns = member->parameters.down && !parameters.down;
    const bool goes = !member->parameters.down && parameters.down;
    const bool backup = member->parameters.backup;
    if (parameters.weight != member->parameters.weight) {
        member->current_weight = 0;
        member->effective_weight = parameters.weight;
    }
    member->parameters = parameters;
    member->parameters.backup = backup;
    PeerState& peer = *member->peer;
    if (returns || goes) peer.since = now;
    if (returns) {
        peer.fails = 0;
        peer.warming_from = now;
    }
    if (goes) peer.epoch.fetch_add(1, std::memory_order_relaxed);
    roster_->version = ++shared_->last_id;
    return {};
}

bool PeerGroup::report_health(std::string_view name, Health health, std::string_view reason,
                              std::uint64_t now, std::uint64_t until) {
    const Lock held = lock();
    Member* member = named(name);
    if (member == nullptr) return false;
    return set_health(*member, health, reason, now, until) != Change::none;
}

}  // namespace berth::upstream

// What changes an upstream's peers while the server runs: names that resolve anew, and commands.
#include <algorithm>
#include <utility>

#include "modules/upstream/health.hpp"
#include "modules/upstream/peer_group.hpp"

namespace berth::upstream {

namespace {

constexpr std::size_t kReserved = 4;  // so many parts of a zone; one of them is not for added peers

Error no_peer(std::string_view name) { return Error("no server \"" + std::string(name) + "\""); }

// A server line with what one of its name's addresses has of its own.
Server at_address(const Server& line, const FoundPeer& found) {
    Server server;
    server.name = line.name;
    server.service = line.service;
    server.route = line.route;
    server.parameters = line.parameters;
    if (found.weight != 0) server.parameters.weight = found.weight;
    server.parameters.backup |= found.backup;
    return server;
}

// True when something is different now; `backup` is what the server line says.
bool take_weight(Member& member, const FoundPeer& found, bool backup) {
    if (found.weight == 0) return false;
    const bool moved =
        std::exchange(member.parameters.backup, found.backup || backup) != (found.backup || backup);
    if (found.weight == member.parameters.weight) return moved;
    member.parameters.weight = found.weight;
    member.effective_weight = found.weight;
    member.current_weight = 0;
    return true;
}

void take_parameters(Member& member, const Parameters& parameters) noexcept {
    const bool backup = member.parameters.backup;
    if (parameters.weight != member.parameters.weight) {
        member.current_weight = 0;
        member.effective_weight = parameters.weight;
    }
    member.parameters = parameters;
    member.parameters.backup = backup;
    if (!parameters.off()) member.ordered = 0;
}

// What a command to use it again does away with.
bool is_failure(Condition condition) noexcept {
    return condition == Condition::failed || condition == Condition::probing ||
           condition == Condition::ejected;
}

}  // namespace

bool PeerGroup::has_room() const noexcept {
    return zone_->slab().stats().used_bytes + zone_->size() / kReserved <= zone_->size();
}

bool PeerGroup::append_missing(std::uint32_t server, std::span<const FoundPeer> found, std::uint64_t now) {
    bool all = true;
    bool changed = false;
    const bool runs = now != 0;  // else this is the next configuration's roster
    for (const FoundPeer& each : found) {
        const std::string name = each.address.to_text();
        const auto members = roster_->all();
        const auto known = std::ranges::find_if(members, [&](const Member& member) {
            return member.server == server && member.peer->name == name;
        });
        if (known != members.end()) {
            changed |= take_weight(*known, each, servers_[server].parameters.backup);
        } else if ((!runs || has_room()) &&
                   append(each.address, at_address(servers_[server], each), server, now)) {
            changed = true;
        } else {
            all = false;
        }
    }
    if (changed) roster_->version = ++shared_->last_id;
    return all;
}

Result<void> PeerGroup::set_addresses(std::uint32_t server, std::span<const FoundPeer> found,
                                      std::uint64_t now) {
    if (server >= servers_.size()) return Error("no such server line");
    std::vector<std::string> names;
    for (const FoundPeer& each : found) names.push_back(each.address.to_text());
    const Lock held = lock();
    // New ones first: who dies here leaves a list that is not empty.
    const bool fits = append_missing(server, found, now);
    for (std::size_t i = roster_->count; i > 0; --i) {
        const Member& member = roster_->members[i - 1];
        if (member.server != server) continue;
        if (std::ranges::find(names, member.peer->name) != names.end()) continue;
        member.peer->epoch.fetch_add(1, std::memory_order_relaxed);
        erase(i - 1);
        roster_->version = ++shared_->last_id;
    }
    sweep_peers();
    if (!fits && !append_missing(server, found, now)) return full();
    return {};
}

Result<void> PeerGroup::add_peer(const Address& address, const Parameters& parameters, std::uint64_t now,
                                 std::string_view route) {
    Server server;
    server.name = address.to_text();
    server.parameters = parameters;
    server.route = route;
    const Lock held = lock();
    if (named(server.name) != nullptr) return Error("server \"" + server.name + "\" is there already");
    if (!has_room() || !append(address, server, Member::kAdded, now)) return full();
    if (parameters.off()) roster_->members[roster_->count - 1].ordered = now;
    roster_->version = ++shared_->last_id;
    return {};
}

// Workers of earlier generations end, but what they still do they do with the peers as they are now. An edit
// is told which of the peer's members it is.
template <class Edit>
void PeerGroup::edit_older(const PeerState& peer, Edit edit) noexcept {
    for (Roster* older = roster_->next; older != nullptr; older = older->next) {
        std::size_t number = 0;
        for (Member& member : older->all()) {
            if (member.peer == &peer) edit(member, number++);
        }
        if (number > 0) older->version = ++shared_->last_id;
    }
}

Result<void> PeerGroup::remove_peer(std::string_view name) {
    const Lock held = lock();
    const Member* member = named(name);
    if (member == nullptr) return no_peer(name);
    PeerState& peer = *member->peer;
    if (std::ranges::count(roster_->all(), &peer, &Member::peer) == roster_->count) {
        return Error("the last server of an upstream cannot be removed");
    }
    peer.epoch.fetch_add(1, std::memory_order_relaxed);
    edit_older(peer, [](Member& same, std::size_t) { same.parameters.down = true; });
    for (std::size_t i = roster_->count; i > 0; --i) {
        if (roster_->members[i - 1].peer == &peer) erase(i - 1);
    }
    roster_->version = ++shared_->last_id;
    sweep_peers();
    return {};
}

Result<void> PeerGroup::change_peer(std::string_view name, std::span<const Parameters> parameters,
                                    std::uint64_t now) {
    const Lock held = lock();
    const Member* first = named(name);
    if (first == nullptr) return no_peer(name);
    if (std::ranges::find(parameters, 0U, &Parameters::weight) != parameters.end()) {
        return Error("the weight of a server is at least 1");
    }
    PeerState& peer = *first->peer;
    const auto of = [&](std::size_t number) { return parameters[std::min(number, parameters.size() - 1)]; };
    const bool returns = first->parameters.off() && !of(0).off();
    if (returns && first->ordered != 0) peer.downtime += now - first->ordered;
    const bool in_use = std::ranges::any_of(roster_->all(), [&](const Member& member) {
        return member.peer == &peer && !member.parameters.off();
    });
    std::size_t number = 0;
    for (Member& member : roster_->all()) {
        if (member.peer == &peer) change_member(member, of(number++), in_use, now);
    }
    edit_older(peer, [&](Member& same, std::size_t which) { take_parameters(same, of(which)); });
    roster_->version = ++shared_->last_id;
    return {};
}

// `in_use`: another line with the same address has been serving all the time.
void PeerGroup::change_member(Member& member, const Parameters& parameters, bool in_use,
                              std::uint64_t now) noexcept {
    const bool was_off = member.parameters.off();
    const bool goes_down = !member.parameters.down && parameters.down;
    take_parameters(member, parameters);
    if (parameters.off() && (!was_off || goes_down)) member.ordered = now;
    if (was_off && !parameters.off() && !in_use) begin_afresh(member, now);
    if (was_off) member.effective_weight = parameters.weight;
    if (goes_down) member.peer->epoch.fetch_add(1, std::memory_order_relaxed);
}

Result<void> PeerGroup::restore_peer(std::string_view name, std::uint64_t now) {
    std::vector<Parameters> parameters;
    {
        const Lock held = lock();
        bool failed = false;
        for (Member& member : roster_->all()) {
            if (member.peer->name != name) continue;
            const Condition condition = condition_of(*roster_, member, now);
            const bool was_failed = std::exchange(failed, failed || is_failure(condition));
            if (failed && !was_failed) member.peer->downtime += now - member.peer->since;
            if (failed) begin_afresh(member, now);
            parameters.push_back(member.parameters);
            parameters.back().down = parameters.back().drain = false;
        }
    }
    if (parameters.empty()) return no_peer(name);
    return change_peer(name, parameters, now);
}

void PeerGroup::forget_unused() noexcept {
    const Lock held = lock();
    sweep_peers();
}

std::uint64_t PeerGroup::version() {
    const Lock held = lock();
    return roster_->version;
}

void PeerGroup::count_command(bool saved) {
    const Lock held = lock();
    ++(saved ? shared_->changes : shared_->unsaved);
}

bool PeerGroup::report_health(std::string_view name, Health health, std::string_view reason,
                              std::uint64_t now, std::uint64_t until) {
    const Lock held = lock();
    Member* member = named(name);
    if (member == nullptr) return false;
    return set_health(*member, health, reason, now, until) != Change::none;
}

}  // namespace berth::upstream

// Peers in shared memory: found again by address, counted by worker, freed when nobody uses them.
#include "modules/upstream/peer_group.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <new>

#include "modules/upstream/health.hpp"
#include "modules/upstream/route.hpp"

namespace berth::upstream {

namespace {

constexpr std::uint32_t kSpareHeld = 8;

// What the zone's root points at: its groups.
struct Directory {
    SharedGroup* groups = nullptr;
};

// Takes a node out of a singly linked list. One store: who is killed here leaves a list that is whole.
template <class Node>
void unlink(Node*& first, Node* node) noexcept {
    Node** link = &first;
    while (*link != nullptr && *link != node) link = &(*link)->next;
    if (*link == node) *link = node->next;
}

template <class Node>
void push_front(Node*& first, Node* node) noexcept {
    node->next = first;
    std::atomic_signal_fence(std::memory_order_release);
    first = node;
}

void free_text(Slab& slab, std::string_view text) noexcept {
    if (!text.empty()) slab.free(const_cast<char*>(text.data()));
}

}  // namespace

// --- the lock

PeerGroup::Lock::Lock(PeerGroup& group) noexcept : guard_(group.zone_->lock()) {
    if (guard_.recovered()) group.recount();
}

// Of all groups in the zone: the dead holder may have been busy with any, and had no time to say so.
void PeerGroup::recount() noexcept {
    for (SharedGroup* group = zone_->root<Directory>()->groups; group != nullptr; group = group->next) {
        for (Roster* roster = group->rosters; roster != nullptr; roster = roster->next) {
            roster->version = ++group->last_id;
        }
        for (PeerState* peer = group->peers; peer != nullptr; peer = peer->next) {
            peer->active = 0;
            for (const Column* column = group->columns; column != nullptr; column = column->next) {
                if (peer->index < column->capacity) peer->active += column->held[peer->index].active;
            }
        }
    }
}

// --- making

std::size_t PeerGroup::zone_size(std::size_t peers) noexcept {
    constexpr std::size_t kBase = 128 * 1024;
    // Its state, its histogram, and a line in the columns and rosters of many workers.
    constexpr std::size_t kPerPeer = 16 * 1024;
    return std::bit_ceil(kBase + peers * kPerPeer);
}

SharedGroup* PeerGroup::find_or_make_group(Zone& zone, std::string_view name) {
    if (zone.root<Directory>() == nullptr) {
        auto* directory = zone.slab().create<Directory>();
        if (directory == nullptr) return nullptr;
        zone.set_root(directory);
    }
    auto* directory = zone.root<Directory>();
    for (SharedGroup* group = directory->groups; group != nullptr; group = group->next) {
        if (group->name == name) return group;
    }
    auto* group = zone.slab().create<SharedGroup>();
    if (group == nullptr) return nullptr;
    group->name = zone.slab().copy(name);
    if (group->name.data() == nullptr) return zone.slab().free(group), nullptr;
    push_front(directory->groups, group);
    return group;
}

Error PeerGroup::full() const {
    return Error("zone \"" + zone_->name() + "\" of " + std::to_string(zone_->size() / 1024) +
                 "k is too small for upstream \"" + std::string(shared_->name) + "\"");
}

Result<std::unique_ptr<PeerGroup>> PeerGroup::create(std::shared_ptr<Zone> zone, std::string_view name,
                                                     std::uint64_t generation,
                                                     std::span<const Server> servers) {
    const std::shared_ptr<Zone> held = zone;  // the guard goes first
    Zone& memory = *held;
    SharedLock::Guard guard = memory.lock();
    SharedGroup* shared = find_or_make_group(memory, name);
    Roster* roster = shared == nullptr ? nullptr : memory.slab().create<Roster>();
    if (roster == nullptr) return Error("zone \"" + memory.name() + "\" is too small");
    roster->generation = generation;
    roster->version = ++shared->last_id;
    std::unique_ptr<PeerGroup> group(new PeerGroup(std::move(zone), *shared, *roster));
    if (guard.recovered()) group->recount();
    push_front(shared->rosters, roster);
    group->servers_.assign(servers.begin(), servers.end());
    group->bury_dead();
    if (group->fill()) return group;
    Error error = group->full();
    roster->released = true;
    group->sweep();
    group->roster_ = nullptr;
    return error;
}

// The peers that the configuration names, and those that names had before.
bool PeerGroup::fill() {
    if (!make_names()) return false;
    for (std::uint32_t line = 0; line < servers_.size(); ++line) {
        for (const Address& address : servers_[line].addresses) {
            if (!append(address, servers_[line], line, 0)) return false;
        }
        inherit_name(line);
    }
    return true;
}

PeerGroup::~PeerGroup() {
    if (roster_ == nullptr) return;
    const Lock held = lock();
    roster_->released = true;
    sweep();
}

PeerState* PeerGroup::find_or_make_peer(const Address& address) {
    const std::string name = address.to_text();
    std::vector<bool> taken;
    for (PeerState* peer = shared_->peers; peer != nullptr; peer = peer->next) {
        if (peer->name == name) return peer;
        if (peer->index >= taken.size()) taken.resize(peer->index + 1);
        taken[peer->index] = true;
    }
    Slab& slab = zone_->slab();
    auto* peer = slab.create<PeerState>();
    if (peer == nullptr) return nullptr;
    peer->name = slab.copy(name);
    if (peer->name.data() == nullptr) return slab.free(peer), nullptr;
    peer->id = ++shared_->last_id;
    peer->index = static_cast<std::uint32_t>(std::ranges::find(taken, false) - taken.begin());
    peer->length = address.length();
    std::memcpy(&peer->address, address.data(), peer->length);
    peer->times = static_cast<Histogram*>(slab.allocate_zeroed(sizeof(Histogram)));
    push_front(shared_->peers, peer);
    return peer;
}

bool PeerGroup::append(const Address& address, const Server& server, std::uint32_t line, std::uint64_t now) {
    Slab& slab = zone_->slab();
    Roster& roster = *roster_;
    if (roster.count == roster.capacity) {
        const std::uint32_t capacity = std::max(8U, roster.capacity * 2);
        auto* members = static_cast<Member*>(slab.allocate(capacity * sizeof(Member)));
        if (members == nullptr) return false;
        std::uninitialized_copy_n(roster.members, roster.count, members);
        Member* old = std::exchange(roster.members, members);
        roster.capacity = capacity;
        slab.free(old);
    }
    PeerState* peer = find_or_make_peer(address);
    if (peer == nullptr) return false;
    Member member;
    member.peer = peer;
    member.parameters = server.parameters;
    member.server = line;
    member.from_state = server.from_state;
    member.server_name = slab.copy(server.text());
    member.route = slab.copy(server.route.empty() ? route_of(peer->name) : server.route);
    member.effective_weight = server.parameters.weight;
    if (member.server_name.data() == nullptr || member.route.data() == nullptr) {
        free_text(slab, member.server_name);
        free_text(slab, member.route);
        if (peer->references == 0) sweep_peers();
        return false;
    }
    // Round robin goes on where the generation before stands, and what a command said is remembered.
    for (const Roster* other = roster.next; other != nullptr; other = other->next) {
        const auto same = std::ranges::find(other->all(), peer, &Member::peer);
        if (same == other->all().end()) continue;
        if (same->parameters == member.parameters) {
            member.current_weight = same->current_weight;
            member.effective_weight = same->effective_weight;
            member.ordered = same->ordered;
        }
        break;
    }
    if (now != 0 && peer->references == 0) {
        begin_afresh(member, now);
        if (shared_->mandatory_checks) set_health(member, Health::unhealthy, kNotCheckedYet, now);
    }
    ++peer->references;
    new (&roster.members[roster.count]) Member(member);
    ++roster.count;
    return true;
}

void PeerGroup::begin_afresh(Member& member, std::uint64_t now) noexcept {
    PeerState& peer = *member.peer;
    peer.fails = 0;
    peer.consecutive_errors = 0;
    // What checks say holds until they say something else.
    if (peer.references == 0 || peer.health == Health::ejected) peer.health = Health::unknown;
    if (peer.health != Health::unhealthy) {
        peer.since = now;
        peer.checks.fails_in_row = peer.checks.passes_in_row = 0;
    }
    if (member.parameters.slow_start.count() > 0) peer.warming_from = now;
    member.effective_weight = member.parameters.weight;
}

void PeerGroup::free_member(Member& member) noexcept {
    free_text(zone_->slab(), member.server_name);
    free_text(zone_->slab(), member.route);
    --member.peer->references;
}

void PeerGroup::erase(std::size_t position) noexcept {
    Roster& roster = *roster_;
    Slab& slab = zone_->slab();
    Member gone = roster.members[position];
    const std::span<const Member> before = roster.all().first(position);
    const std::span<const Member> behind = roster.all().subspan(position + 1);
    // First it goes to the end of a copy, then the end moves: who is killed in between leaves nobody twice.
    if (auto* members = static_cast<Member*>(slab.allocate(roster.capacity * sizeof(Member)))) {
        Member* end = std::uninitialized_copy(before.begin(), before.end(), members);
        end = std::uninitialized_copy(behind.begin(), behind.end(), end);
        new (end) Member(gone);
        std::atomic_signal_fence(std::memory_order_release);
        slab.free(std::exchange(roster.members, members));
    } else {
        std::copy(behind.begin(), behind.end(), roster.members + position);
    }
    std::atomic_signal_fence(std::memory_order_release);
    --roster.count;
    free_member(gone);
}

Member* PeerGroup::find(const PeerState& peer, std::size_t hint) const noexcept {
    const std::span<Member> all = roster_->all();
    if (hint < all.size() && all[hint].peer == &peer) return &all[hint];
    const auto found = std::ranges::find(all, &peer, &Member::peer);
    return found == all.end() ? nullptr : &*found;
}

Member* PeerGroup::named(std::string_view name) const noexcept {
    for (Member& member : roster_->all()) {
        if (member.peer->name == name) return &member;
    }
    return nullptr;
}

// --- freeing

bool PeerGroup::in_use(const Roster& roster) const noexcept {
    for (const Column* column = shared_->columns; column != nullptr; column = column->next) {
        if (column->roster == &roster) return true;
    }
    return false;
}

std::uint32_t PeerGroup::idle_of(const PeerState& peer) const noexcept {
    std::uint32_t idle = 0;
    for (const Column* column = shared_->columns; column != nullptr; column = column->next) {
        if (peer.index < column->capacity) idle += column->held[peer.index].idle.load();
    }
    return idle;
}

bool PeerGroup::kept(const PeerState& peer) const noexcept {
    return peer.references > 0 || peer.active > 0 || idle_of(peer) > 0;
}

void PeerGroup::sweep_peers() noexcept {
    PeerState* next = nullptr;
    for (PeerState* peer = shared_->peers; peer != nullptr; peer = next) {
        next = peer->next;
        if (kept(*peer)) continue;
        unlink(shared_->peers, peer);
        free_text(zone_->slab(), peer->name);
        zone_->slab().free(peer->times);
        zone_->slab().free(peer);
    }
}

void PeerGroup::sweep() noexcept {
    Roster* next = nullptr;
    for (Roster* roster = shared_->rosters; roster != nullptr; roster = next) {
        next = roster->next;
        if (!roster->released || in_use(*roster)) continue;
        unlink(shared_->rosters, roster);
        for (Member& member : roster->all()) free_member(member);
        free_names(*roster);
        zone_->slab().free(roster->members);
        zone_->slab().free(roster);
    }
    sweep_peers();
}

// --- workers

Result<Column*> PeerGroup::attach(const Owner& owner) {
    const Lock held = lock();
    bury_dead();
    auto* column = zone_->slab().create<Column>();
    if (column == nullptr) return full();
    column->owner = owner;
    column->roster = roster_;
    std::uint32_t last = 0;
    for (const Member& member : roster_->all()) last = std::max(last, member.peer->index);
    if (!grow(*column, last)) return zone_->slab().free(column), full();
    push_front(shared_->columns, column);
    return column;
}

bool PeerGroup::grow(Column& column, std::uint32_t index) noexcept {
    if (index < column.capacity) return true;
    const std::uint32_t capacity = index + 1 + kSpareHeld;
    auto* held = static_cast<Column::Held*>(zone_->slab().allocate_zeroed(capacity * sizeof(Column::Held)));
    if (held == nullptr) return false;
    for (std::uint32_t i = 0; i < column.capacity; ++i) {
        held[i].active = column.held[i].active;
        held[i].idle = column.held[i].idle.load();
    }
    Column::Held* old = std::exchange(column.held, held);
    column.capacity = capacity;
    zone_->slab().free(old);
    return true;
}

void PeerGroup::end_column(Column& column) noexcept {
    unlink(shared_->columns, &column);
    for (PeerState* peer = shared_->peers; peer != nullptr; peer = peer->next) {
        if (peer->index < column.capacity) peer->active -= column.held[peer->index].active;
    }
    zone_->slab().free(column.held);
    zone_->slab().free(&column);
}

void PeerGroup::detach(Column& column) noexcept {
    const Lock held = lock();
    end_column(column);
    sweep();
}

bool PeerGroup::bury_dead() noexcept {
    bool any = false;
    Column* next = nullptr;
    for (Column* column = shared_->columns; column != nullptr; column = next) {
        next = column->next;
        if (column->owner.alive()) continue;
        std::uint64_t lost = 0;
        for (std::uint32_t i = 0; i < column->capacity; ++i) lost += column->held[i].active;
        if (lost > 0) ++shared_->lost_workers;
        shared_->lost_requests += lost;
        end_column(*column);
        any = true;
    }
    if (any) sweep();
    return any;
}

bool PeerGroup::take_place(Column& column, PeerState& peer) noexcept {
    if (!grow(column, peer.index)) return false;
    ++column.held[peer.index].active;
    ++peer.active;
    return true;
}

void PeerGroup::give_place(Column& column, PeerState& peer) noexcept {
    --column.held[peer.index].active;
    --peer.active;
    if (!kept(peer)) sweep_peers();
}

// --- for who looks

std::vector<PeerView> PeerGroup::view(std::uint64_t now) {
    std::vector<PeerView> all;
    const Lock held = lock();
    bury_dead();
    for (const Member& member : roster_->all()) {
        const PeerState& peer = *member.peer;
        PeerView view;
        view.name = peer.name;
        view.server = member.server_name;
        view.line = member.server;
        view.route = member.route;
        view.parameters = member.parameters;
        view.condition = condition_of(*roster_, member, now);
        if (view.condition != Condition::up) view.reason = peer.reason.data();
        view.effective_weight = member.effective_weight * member.warmth(now);
        view.active = peer.active;
        view.idle = idle_of(peer);
        view.fails = peer.fails;
        view.health = peer.health;
        view.checks = peer.checks;
        view.since = peer.since;
        if (view.condition == Condition::down || view.condition == Condition::draining) {
            view.reason = member.from_state ? "by state file" : "by configuration";
            if (member.ordered != 0) view.reason = "by command";
            view.since = member.ordered;
        }
        view.downtime = peer.downtime;
        view.requests = peer.requests;
        view.responses = peer.responses;
        view.failures = peer.failures;
        view.abandoned = peer.abandoned;
        view.unavailable = peer.unavailable;
        view.unasked = peer.unasked.load(std::memory_order_relaxed);
        view.sent = peer.sent;
        view.received = peer.received;
        view.header_time = peer.header_time;
        view.response_time = peer.response_time;
        if (peer.times != nullptr) view.times = std::make_shared<const HistogramSum>(*peer.times);
        all.push_back(std::move(view));
    }
    return all;
}

GroupTotals PeerGroup::totals() {
    const Lock held = lock();
    bury_dead();
    GroupTotals totals;
    totals.refused = shared_->refused;
    totals.queued = shared_->queued;
    totals.lost_requests = shared_->lost_requests;
    totals.lost_workers = shared_->lost_workers;
    totals.changes = shared_->changes;
    totals.unsaved = shared_->unsaved;
    for (const Column* column = shared_->columns; column != nullptr; column = column->next) {
        totals.waiting += column->waiting.load(std::memory_order_relaxed);
        ++totals.workers;
    }
    return totals;
}

}  // namespace berth::upstream

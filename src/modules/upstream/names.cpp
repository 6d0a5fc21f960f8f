// The names of an upstream's servers in shared memory: who looks them up, when, and how it went.
#include <algorithm>

#include "modules/upstream/peer_group.hpp"

namespace berth::upstream {

// A NameState for each server line, if any has a name to be resolved; false when there is no room.
bool PeerGroup::make_names() {
    if (std::ranges::none_of(servers_, &Server::resolve)) return true;
    Slab& slab = zone_->slab();
    const std::size_t count = servers_.size();
    auto* names = static_cast<NameState*>(slab.allocate_zeroed(count * sizeof(NameState)));
    if (names == nullptr) return false;
    for (std::size_t i = 0; i < count; ++i) new (&names[i]) NameState();
    roster_->lines = static_cast<std::uint32_t>(count);
    roster_->names = names;
    for (std::size_t i = 0; i < count; ++i) {
        if (!servers_[i].resolve) continue;
        names[i].name = slab.copy(servers_[i].text());
        if (names[i].name.data() == nullptr) return false;
    }
    return true;
}

// What earlier generations know of the same name, so that a reload has servers at once. What does not fit
// waits for the next lookup.
void PeerGroup::inherit_name(std::uint32_t line) {
    if (line >= roster_->lines || roster_->names[line].name.empty()) return;
    NameState& name = roster_->names[line];
    const std::string_view text = name.name;
    for (const Roster* other = roster_->next; other != nullptr; other = other->next) {
        const std::span<const NameState> theirs(other->names, other->lines);
        const auto same = std::ranges::find(theirs, text, &NameState::name);
        if (same == theirs.end()) continue;
        name = *same;
        name.name = text;
        name.due = 0;
        name.tried = false;
        const bool service = !servers_[line].service.empty();
        std::vector<FoundPeer> found;
        for (const Member& member : other->all()) {
            if (member.server_name != text) continue;
            found.emplace_back(member.peer->to_address(), service ? member.parameters.weight : 0,
                               service && member.parameters.backup);
        }
        append_missing(line, found, 0);
        return;
    }
}

void PeerGroup::free_names(Roster& roster) noexcept {
    for (std::uint32_t line = 0; line < roster.lines; ++line) {
        const std::string_view name = roster.names[line].name;
        if (!name.empty()) zone_->slab().free(const_cast<char*>(name.data()));
    }
    zone_->slab().free(roster.names);
    roster.names = nullptr;
    roster.lines = 0;
}

bool PeerGroup::claim_names(const Owner& who, std::uint64_t now, std::uint64_t until) {
    const Lock held = lock();
    const Owner& other = roster_->resolver;
    const bool somebodys = other.cell != nullptr && other.alive() && now < roster_->resolver_until;
    if (somebodys && other != who) return false;
    roster_->resolver = who;
    roster_->resolver_until = until;
    return true;
}

std::uint64_t PeerGroup::name_due(std::uint32_t server) {
    const Lock held = lock();
    return server < roster_->lines ? roster_->names[server].due : ~std::uint64_t{0};
}

std::uint32_t PeerGroup::absences(std::uint32_t server) {
    const Lock held = lock();
    return server < roster_->lines ? roster_->names[server].absent : 0;
}

std::vector<Address> PeerGroup::addresses_of(std::uint32_t server) {
    std::vector<Address> all;
    const Lock held = lock();
    for (const Member& member : roster_->all()) {
        if (member.server == server) all.push_back(member.peer->to_address());
    }
    return all;
}

NameState PeerGroup::record_lookup(std::uint32_t server, const LookupRecord& record, std::uint64_t now) {
    const Lock held = lock();
    if (server >= roster_->lines) return {};
    NameState& name = roster_->names[server];
    const NameState before = name;
    ++name.lookups;
    name.tried = true;
    name.due = record.due;
    name.complaint.fill('\0');
    std::ranges::copy(record.complaint.substr(0, name.complaint.size() - 1), name.complaint.begin());
    if (record.complaint.empty()) {
        name.resolved = now;
        name.in_row = name.absent = 0;
    } else {
        ++name.failures;
        ++name.in_row;
        name.absent = record.absent ? name.absent + 1 : 0;
    }
    return before;
}

bool PeerGroup::names_settled() {
    const Lock held = lock();
    const std::span<const NameState> names(roster_->names, roster_->lines);
    return roster_->count > 0 ||
           std::ranges::all_of(names, [](const NameState& name) { return name.tried || name.name.empty(); });
}

std::vector<NameView> PeerGroup::names() {
    std::vector<NameView> all;
    const Lock held = lock();
    for (std::uint32_t line = 0; line < roster_->lines; ++line) {
        const NameState& state = roster_->names[line];
        if (state.name.empty()) continue;
        NameView view;
        view.name = state.name;
        view.state = state;
        view.state.name = {};
        for (const Member& member : roster_->all()) view.addresses += member.server == line ? 1 : 0;
        all.push_back(std::move(view));
    }
    return all;
}

}  // namespace berth::upstream

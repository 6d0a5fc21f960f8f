// Choosing peers for requests, and drawing the conclusions from how they went.
#include "modules/upstream/upstream_worker.hpp"

#include <algorithm>

#include "event/process/worker.hpp"
#include "modules/upstream/health.hpp"
#include "modules/upstream/outliers.hpp"
#include "modules/upstream/upstream.hpp"

namespace berth::upstream {

namespace {

constexpr std::uint64_t kBuryEvery = 1000;
constexpr Duration kLookAtKept{1000};

// A moving average over about eight requests.
void average(std::uint64_t& of, Milliseconds time) noexcept {
    if (time.count() < 0) return;
    const std::uint64_t microseconds = static_cast<std::uint64_t>(time.count()) * 1000;
    of = of == 0 ? std::max<std::uint64_t>(microseconds, 1) : (of * 7 + microseconds) / 8;
}

void add_up(PeerState& peer, const Report& report, std::uint64_t now) noexcept {
    if (report.failure != Failure::none) ++peer.failures[static_cast<std::size_t>(report.failure)];
    const unsigned hundreds = report.status / 100;
    ++peer.responses[hundreds < peer.responses.size() ? hundreds : 0];
    peer.sent += report.sent;
    peer.received += report.received;
    average(peer.header_time, report.header_time);
    average(peer.response_time, report.response_time);
    if (peer.times != nullptr && report.response_time.count() >= 0) {
        peer.times->record(static_cast<std::uint64_t>(report.response_time.count()) * 1000);
    }
    if (report.header_time.count() >= 0) {
        peer.timed_at = now;
        ++peer.timed_answers;
    }
}

}  // namespace

Result<std::unique_ptr<UpstreamWorker>> UpstreamWorker::create(const Upstream& upstream,
                                                               ConnectionPool& connections, Owner owner,
                                                               Log* log, const Worker* worker) {
    Result<Column*> column = upstream.group().attach(owner);
    if (!column) return column.error();
    return std::unique_ptr<UpstreamWorker>(new UpstreamWorker(upstream, connections, **column, log, worker));
}

UpstreamWorker::UpstreamWorker(const Upstream& upstream, ConnectionPool& connections, Column& column,
                               Log* log, const Worker* worker)
    : upstream_(upstream),
      group_(upstream.group()),
      connections_(connections),
      column_(column),
      log_(log),
      worker_(worker),
      balancer_(upstream.make_balancer()),
      kept_(upstream.keepalive),
      queue_(*this, connections.loop(), column),
      look_(Callback<>::to<&UpstreamWorker::on_look>(*this)) {}

UpstreamWorker::~UpstreamWorker() {
    for (auto& peer : peers_) {
        if (peer != nullptr) KeptConnections::close(peer->kept);
    }
    group_.detach(column_);
}

std::uint64_t UpstreamWorker::now() const noexcept {
    return static_cast<std::uint64_t>(loop().now().time_since_epoch().count());
}

// --- choosing

void UpstreamWorker::begin(Selection& selection) {
    balancer_->begin(selection);
    const Sticky* sticky = upstream_.sticky.get();
    if (sticky == nullptr || selection.host() == nullptr) return;
    selection.bind(sticky->route_of_request(*selection.host(), now()));
}

Lease UpstreamWorker::choose(Selection& selection) {
    const std::uint64_t time = now();
    const PeerGroup::Lock held = group_.lock();
    bury_dead();
    Candidates candidates(group_.roster(), selection, time);
    Member* member = choose_member(candidates);
    if (member == nullptr) return Lease(candidates.busy() ? Refusal::all_busy : Refusal::no_live_peers);
    if (!group_.take_place(column_, *member->peer)) return Lease(Refusal::zone_full);
    note_chosen(*member, time);
    ++member->peer->requests;
    LocalPeer& peer = local(*member);
    return Lease(*this, peer.state->index, peer.route != selection.route());
}

bool UpstreamWorker::has_other(Selection& selection) {
    const PeerGroup::Lock held = group_.lock();
    Candidates candidates(group_.roster(), selection, now());
    return has_usable(candidates);
}

bool UpstreamWorker::has_usable(Candidates& candidates) {
    if (bound_member(candidates) != nullptr) return true;
    const auto usable = [&](const Member& member) { return candidates.usable(member); };
    if (std::ranges::any_of(candidates.roster().all(), usable)) return true;
    candidates.use_backups();
    return std::ranges::any_of(candidates.roster().all(), usable);
}

void UpstreamWorker::bury_dead() {
    const std::uint64_t time = now();
    if (time - buried_at_ < kBuryEvery) return;
    buried_at_ = time;
    group_.bury_dead();
}

// Whether choose() would say that all are busy.
bool UpstreamWorker::must_wait(Selection& selection) const {
    Candidates candidates(group_.roster(), selection, now());
    return !has_usable(candidates) && candidates.busy();
}

Member* UpstreamWorker::bound_member(Candidates& candidates) {
    const std::string_view route = candidates.selection().route();
    if (route.empty()) return nullptr;
    for (Member& member : candidates.roster().all()) {
        if (member.route == route && candidates.usable_if_bound(member)) return &member;
    }
    return nullptr;
}

Member* UpstreamWorker::choose_member(Candidates& candidates) {
    if (Member* member = bound_member(candidates)) return member;
    if (Member* member = balancer_->choose(candidates)) return member;
    candidates.use_backups();
    if (Member* member = balancer_->choose(candidates)) return member;
    return candidates.busy() ? nullptr : quick_recovery(candidates);
}

Member* UpstreamWorker::quick_recovery(Candidates& candidates) {
    Member* oldest = nullptr;
    for (Member& member : candidates.roster().all()) {
        const PeerState& peer = *member.peer;
        if (!candidates.recoverable(member)) continue;
        if (oldest == nullptr || peer.checked < oldest->peer->checked) oldest = &member;
    }
    if (oldest != nullptr) oldest->peer->checked = candidates.now();
    return oldest;
}

UpstreamWorker::LocalPeer& UpstreamWorker::local(const Member& member) {
    PeerState& state = *member.peer;
    if (state.index >= peers_.size()) peers_.resize(state.index + 1);
    std::unique_ptr<LocalPeer>& peer = peers_[state.index];
    if (peer == nullptr || peer->id != state.id) {
        // One that had this index before is gone, and so are the connections to it.
        peer = std::make_unique<LocalPeer>();
        peer->id = state.id;
        peer->state = &state;
        peer->epoch = state.epoch.load(std::memory_order_relaxed);
        peer->address = state.to_address();
        peer->name = state.name;
    }
    // It may have been removed and added again under another one.
    if (peer->route != member.route) peer->route = member.route;
    peer->position = static_cast<std::size_t>(&member - group_.roster().members);
    return *peer;
}

std::size_t UpstreamWorker::peers_to_try() const noexcept {
    const PeerGroup::Lock held = group_.lock();
    std::size_t count = 0;
    for (const Member& member : group_.roster().all()) count += member.parameters.down ? 0 : 1;
    return count;
}

void UpstreamWorker::count_refusal(Refusal why) {
    {
        const PeerGroup::Lock held = group_.lock();
        ++group_.shared().refused[static_cast<std::size_t>(why)];
    }
    if (why == Refusal::zone_full && log_ != nullptr) {
        log_->alert("upstream \"{}\": the zone has no room to count requests to another server",
                    upstream_.name());
    }
}

void UpstreamWorker::count_queued() {
    const PeerGroup::Lock held = group_.lock();
    ++group_.shared().queued;
}

bool UpstreamWorker::is_live(std::uint32_t index) const noexcept {
    const LocalPeer& peer = local(index);
    const PeerGroup::Lock held = group_.lock();
    const Member* member = group_.find(*peer.state, peer.position);
    return member != nullptr && upstream::is_live(group_.roster(), *member, now());
}

// --- connections

Connection* UpstreamWorker::take_idle(std::uint32_t index, bool certain, const ConnectionUse& use) {
    LocalPeer& peer = local(index);
    const std::uint32_t epoch = peer.state->epoch.load(std::memory_order_relaxed);
    if (epoch != peer.epoch) {
        KeptConnections::close(peer.kept);
        peer.epoch = epoch;
    }
    return kept_.take(peer.kept, certain, use);
}

void UpstreamWorker::keep(std::uint32_t index, Connection& connection, const ConnectionUse& use) {
    LocalPeer& peer = local(index);
    const bool drains = worker_ != nullptr && worker_->draining();
    const bool stale = peer.epoch != peer.state->epoch.load(std::memory_order_relaxed);
    if (drains || stale || !kept_.keep(peer.kept, connection, column_, *peer.state, use))
        return connection.close();
    if (!look_.armed()) look_.start(loop(), kLookAtKept);
}

// Nobody asks for a connection to a peer that was removed: its own are closed here. A peer with kept
// connections is not freed.
void UpstreamWorker::on_look() {
    bool closed = false;
    for (const auto& peer : peers_) {
        if (peer == nullptr || peer->kept.empty()) continue;
        const std::uint32_t epoch = peer->state->epoch.load(std::memory_order_relaxed);
        if (epoch == peer->epoch) continue;
        KeptConnections::close(peer->kept);
        peer->epoch = epoch;
        closed = true;
    }
    if (closed) group_.forget_unused();
    if (kept_.size() > 0) look_.start(loop(), kLookAtKept);
}

// --- how it went

void UpstreamWorker::end(std::uint32_t index, const Report* report) {
    LocalPeer& peer = local(index);
    const Failure failure = report == nullptr ? Failure::none : report->failure;
    Change change = Change::none;
    std::string reason;
    {
        const PeerGroup::Lock held = group_.lock();
        PeerState& state = *peer.state;
        if (report == nullptr) {
            ++state.abandoned;
        } else {
            add_up(state, *report, now());
            if (Member* member = group_.find(state, peer.position)) {
                const Roster& roster = group_.roster();
                change = failure == Failure::none ? note_success(roster, *member, now())
                                                  : note_failure(roster, *member, failure, now());
                if (change == Change::none && upstream_.outliers.on()) {
                    change = judge_outlier(roster, *member, *report, upstream_.outliers, now());
                }
                if (change == Change::taken_out) reason = state.reason.data();
            }
        }
        group_.give_place(column_, state);
    }
    // The kernel said that what we hold leads nowhere.
    if (failure == Failure::connect_refused || failure == Failure::reset) KeptConnections::close(peer.kept);
    log_change(change, peer, reason);
    queue_.wake_first();
}

void UpstreamWorker::log_change(Change change, const LocalPeer& peer, std::string_view reason) {
    if (log_ == nullptr || change == Change::none) return;
    if (change == Change::came_back) {
        log_->notice("upstream \"{}\": server {} is back", upstream_.name(), peer.name);
    } else {
        log_->warn("upstream \"{}\": server {} is temporarily disabled: {}", upstream_.name(), peer.name,
                   reason);
    }
}

}  // namespace berth::upstream

// Looking up names, and what becomes of the peers.
#include "modules/upstream/name_watch.hpp"

#include <algorithm>
#include <bit>

#include "event/async/awaiters.hpp"
#include "event/process/worker.hpp"
#include "modules/upstream/resolvers.hpp"
#include "modules/upstream/upstream.hpp"

namespace berth::upstream {

namespace {

constexpr Duration kTurn{1000};
constexpr Duration kSoonest{10};
// A worker that did not renew its claim for so long hangs, and another takes over.
constexpr std::uint64_t kClaim = 5000;
constexpr Duration kPoll{10};       // of a request that waits for another worker's first lookup
constexpr std::uint32_t kGone = 2;  // so many times DNS must say that there is no such name

}  // namespace

NameWatch::NameWatch(EventLoop& loop, const Upstream& upstream, const Owner& owner, Log* log,
                     const Worker* worker)
    : OwnScope(loop, worker == nullptr ? nullptr : &worker->cycle()),
      upstream_(upstream),
      owner_(owner),
      log_(log),
      worker_(worker),
      timer_(Callback<>::to<&NameWatch::tick>(*this)) {
    for (std::uint32_t i = 0; i < upstream.servers.size(); ++i) {
        if (upstream.servers[i].resolve) lines_.push_back(std::make_unique<Line>(i, upstream.servers[i]));
    }
}

std::uint64_t NameWatch::now() const noexcept {
    return static_cast<std::uint64_t>(loop().now().time_since_epoch().count());
}

// Resolvers begin after upstreams: so not before the loop's first turn.
void NameWatch::start() { timer_.start(loop(), Duration::zero()); }

void NameWatch::tick() {
    const Duration pause = turn();
    if (pause > Duration::zero()) tick_within(pause);
}

void NameWatch::tick_within(Duration time) {
    if (loop().now() + time < timer_.deadline()) timer_.start(loop(), time);
}

// How long to wait for the next one; zero: there is nothing left to do.
Duration NameWatch::turn() {
    if (worker_ != nullptr && worker_->draining()) return Duration::zero();
    if (resolver_ == nullptr) resolver_ = find_resolver(*cycle(), *upstream_.resolver);
    PeerGroup& group = upstream_.group();
    if (resolver_ == nullptr || !group.claim_names(owner_, now(), now() + kClaim)) return kTurn;
    Duration pause = kTurn;
    for (const auto& line : lines_) {
        if (line->work.running()) continue;
        const std::uint64_t due = group.name_due(line->index);
        if (due <= now()) {
            line->work.destroy();
            line->work.start(look_up(*this, line.get()), Continuation([](void*) {}, nullptr));
        } else {
            pause = std::min(pause, Duration(static_cast<std::int64_t>(std::min<std::uint64_t>(
                                        due - now(), static_cast<std::uint64_t>(kTurn.count())))));
        }
    }
    return std::max(pause, kSoonest);
}

Async<void> NameWatch::look_up(Scope& scope, Line* line) {
    Found found;
    if (!line->server.service.empty()) {
        co_await look_up_service(scope, line, &found);
    } else {
        const Duration timeout = upstream_.resolver_timeout;
        DnsAnswer answer = co_await resolver_->look_up(Lookup::address, line->server.host, timeout);
        found.result = answer.result;
        found.incomplete = answer.incomplete;
        found.ttl = answer.ttl;
        for (Address& address : answer.addresses) {
            address.set_port(line->server.port);
            found.peers.emplace_back(std::move(address));
        }
    }
    settle(*line, found);
}

// RFC 2782: every record's host is looked up, too. The lowest priority's are the servers, the others are
// backups. A weight of 0 is as little as there is. All together have no more addresses than one name may
// have.
Async<void> NameWatch::look_up_service(Scope& scope, Line* line, Found* found) {
    const Duration timeout = upstream_.resolver_timeout;
    DnsAnswer records = co_await resolver_->look_up(Lookup::service, line->server.host, timeout);
    found->result = records.result;
    found->ttl = records.ttl;
    if (records.services.empty()) co_return;
    const auto first = std::ranges::min_element(records.services, {}, &ServiceRecord::priority)->priority;
    for (const ServiceRecord& record : records.services) {
        DnsAnswer answer = co_await resolver_->look_up(Lookup::address, record.host, timeout);
        const bool failed = answer.result != DnsResult::found && answer.result != DnsResult::not_found;
        found->incomplete |= failed || answer.incomplete;
        if (answer.result == DnsResult::found) found->ttl = std::min(found->ttl, Duration(answer.ttl));
        for (Address& address : answer.addresses) {
            if (found->peers.size() >= resolver_->options().addresses) {
                resolver_->count_dropped(1);
                continue;
            }
            address.set_port(record.port);
            const std::uint32_t weight = std::max<std::uint32_t>(record.weight, 1);
            found->peers.emplace_back(std::move(address), weight, record.priority != first);
        }
    }
    static_cast<void>(scope);
    if (found->peers.empty() && found->result == DnsResult::found) {
        found->result = found->incomplete ? DnsResult::failed : DnsResult::not_found;
    }
}

void NameWatch::settle(const Line& line, Found& found) {
    PeerGroup& group = upstream_.group();
    const bool well = found.result == DnsResult::found;
    const Duration again = well && !found.incomplete ? found.ttl : resolver_->options().failure;
    LookupRecord record;
    if (!well) record.complaint = to_text(found.result);
    record.absent = found.result == DnsResult::not_found;
    record.due = now() + static_cast<std::uint64_t>(std::max(again, kSoonest).count());
    const bool gone = record.absent && group.absences(line.index) + 1 >= kGone;
    const std::size_t kept = group.addresses_of(line.index).size();
    if (gone) found.peers.clear();
    if (well || gone) apply(line, found);
    const NameState before = group.record_lookup(line.index, record, now());
    report(line, before, found, gone ? 0 : kept);
    tick_within(std::max(again, kSoonest));
}

void NameWatch::apply(const Line& line, Found& found) {
    PeerGroup& group = upstream_.group();
    const std::vector<Address> old = group.addresses_of(line.index);
    const auto has = [](const auto& all, const Address& address) {
        return std::ranges::any_of(all, [&](const FoundPeer& peer) { return peer.address == address; });
    };
    // Of what could not be looked up nothing is known: those that were there stay.
    for (const Address& address : old) {
        if (!found.incomplete || has(found.peers, address)) continue;
        if (found.peers.size() < resolver_->options().addresses) found.peers.emplace_back(address);
    }
    std::size_t gone = 0;
    for (const Address& address : old) gone += has(found.peers, address) ? 0 : 1;
    const std::size_t stay = old.size() - gone;
    Result<void> set = group.set_addresses(line.index, found.peers, now());
    if (log_ == nullptr) return;
    if (!set) log_->alert("upstream \"{}\": {}", upstream_.name(), set.error().message);
    if (gone == 0 && stay == found.peers.size()) return;
    log_->notice("upstream \"{}\": {} has {} addresses now: {} new, {} gone", upstream_.name(),
                 line.server.text(), found.peers.size(), found.peers.size() - stay, gone);
    if (found.peers.size() >= resolver_->options().addresses) {
        log_->warn(
            "upstream \"{}\": {} has as many addresses as the resolver keeps (addresses={}); more are "
            "not used",
            upstream_.name(), line.server.text(), resolver_->options().addresses);
    }
}

// A failure that lasts is said ever less often; each is counted.
void NameWatch::report(const Line& line, const NameState& before, const Found& found, std::size_t kept) {
    if (log_ == nullptr) return;
    if (found.result == DnsResult::found) {
        if (before.in_row > 0) {
            log_->notice("upstream \"{}\": {} is resolved again", upstream_.name(), line.server.text());
        }
        return;
    }
    if (!std::has_single_bit(before.in_row + 1)) return;
    log_->at(kept > 0 ? LogLevel::warn : LogLevel::error, nullptr,
             "upstream \"{}\": {} could not be resolved ({}: {}), {} of its servers are kept",
             upstream_.name(), line.server.host, number_of(found.result), to_text(found.result), kept);
}

// --- requests before the first answer

bool NameWatch::settled() {
    if (!settled_) settled_ = upstream_.group().names_settled();
    return settled_;
}

Async<void> NameWatch::wait(Scope& scope, Duration longest) {
    const TimePoint until = scope.loop().now() + std::min<Duration>(upstream_.resolver_timeout, longest);
    while (!settled() && scope.loop().now() < until) {
        const Duration time = kPoll;
        co_await sleep(scope, time);
    }
}

}  // namespace berth::upstream

// Whose turn it is to check, and whom.
#include "modules/http/health_check/prober.hpp"

#include <algorithm>

#include "event/process/worker.hpp"

namespace berth::http {

namespace {

constexpr Duration kTurn{1000};
// A worker that did not renew its claim for so long hangs, and another takes over.
constexpr std::uint64_t kClaim = 5000;

}  // namespace

Prober::Prober(Worker& worker, const HealthCheck& check)
    : OwnScope(worker.loop(), &worker.cycle()), worker_(worker), check_(check) {}

void Prober::start() { root_.start(run(*this), Continuation()); }

Async<void> Prober::run(Scope& scope) {
    while (turn()) {
        const Duration time = kTurn;
        co_await sleep(scope, time);
    }
}

bool Prober::turn() {
    using Claim = upstream::PeerGroup::Claim;
    if (worker_.draining()) {
        probes_.clear();
        return false;
    }
    const upstream::Owner owner{&worker_.row().id, worker_.id()};
    const auto now = static_cast<std::uint64_t>(loop().now().time_since_epoch().count());
    const Claim claim = check_.upstream->group().claim_checks(owner, worker_.generation(), now, now + kClaim);
    if (claim == Claim::refused) {
        probes_.clear();
        return true;
    }
    if (claim == Claim::taken) {
        worker_.log().notice("upstream \"{}\": worker {} checks its servers from now on",
                             check_.upstream->name(), worker_.slot());
    }
    follow_peers();
    return true;
}

void Prober::follow_peers() {
    const std::vector<upstream::CheckedPeer> peers = check_.upstream->group().checked_peers();
    std::erase_if(probes_, [&](const auto& probe) {
        return std::ranges::none_of(peers, [&](const auto& peer) { return peer.name == probe->name(); });
    });
    for (const upstream::CheckedPeer& peer : peers) {
        const bool known =
            std::ranges::any_of(probes_, [&](const auto& probe) { return probe->name() == peer.name; });
        if (known) continue;
        probes_.push_back(std::make_unique<Probe>(worker_, check_, peer));
        probes_.back()->start();
    }
}

}  // namespace berth::http

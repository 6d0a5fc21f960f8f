// least_conn, least_time and random: the less loaded peer.
#include <algorithm>
#include <random>
#include <vector>

#include "modules/upstream/balancers.hpp"

namespace berth::upstream {

Load load_by_connections(const Member& member, std::uint64_t now) noexcept {
    return {member.peer->active, static_cast<std::uint64_t>(member.parameters.weight * member.warmth(now))};
}

Load load_by_time(const Member& member, bool last_byte, std::uint64_t now) noexcept {
    constexpr std::uint64_t kFading = 10000;
    const PeerState& peer = *member.peer;
    const std::uint64_t halvings = (now - std::min(now, peer.timed_at)) / kFading;
    const std::uint64_t average = last_byte ? peer.response_time : peer.header_time;
    const std::uint64_t time = std::max<std::uint64_t>(1, halvings > 63 ? 0 : average >> halvings);
    return {time * (peer.active + 1),
            static_cast<std::uint64_t>(member.parameters.weight * member.warmth(now))};
}

namespace {

// The least loaded; those that are equal take turns.
template <class Measure>
Member* least(Candidates& candidates, Measure load) {
    const Member* best = nullptr;
    for (const Member& member : candidates.roster().all()) {
        if (!candidates.usable(member)) continue;
        if (best == nullptr || load(member) < load(*best)) best = &member;
    }
    if (best == nullptr) return nullptr;
    const Load lowest = load(*best);
    return next_in_turn(candidates, [&](const Member& member) {
        return candidates.usable(member) && load(member) == lowest;
    });
}

class LeastConn final : public Balancer {
 public:
    Member* choose(Candidates& candidates) override {
        return least(candidates,
                     [&](const Member& member) { return load_by_connections(member, candidates.now()); });
    }
};

class LeastTime final : public Balancer {
 public:
    explicit LeastTime(const LeastTimeConf& conf) : conf_(conf) {}
    Member* choose(Candidates& candidates) override {
        return least(candidates, [&](const Member& member) {
            return load_by_time(member, conf_.last_byte, candidates.now());
        });
    }

 private:
    const LeastTimeConf& conf_;
};

// By weight; of two, the less loaded.
class Random final : public Balancer {
 public:
    explicit Random(const RandomConf& conf) : conf_(conf), random_(std::random_device{}()) {}

    Member* choose(Candidates& candidates) override {
        usable_.clear();
        std::uint64_t total = 0;
        for (Member& member : candidates.roster().all()) {
            if (!candidates.usable(member)) continue;
            usable_.push_back(&member);
            total += member.parameters.weight;
        }
        if (usable_.empty()) return nullptr;
        Member* first = draw(total);
        if (!conf_.two || usable_.size() == 1) return first;
        std::erase(usable_, first);
        Member* second = draw(total - first->parameters.weight);
        return load(*second, candidates.now()) < load(*first, candidates.now()) ? second : first;
    }

 private:
    Member* draw(std::uint64_t total) {
        std::uint64_t point = std::uniform_int_distribution<std::uint64_t>(0, total - 1)(random_);
        for (Member* member : usable_) {
            if (point < member->parameters.weight) return member;
            point -= member->parameters.weight;
        }
        return usable_.back();
    }
    Load load(const Member& member, std::uint64_t now) const {
        return conf_.by == RandomConf::By::conns
                   ? load_by_connections(member, now)
                   : load_by_time(member, conf_.by == RandomConf::By::last_byte, now);
    }

    const RandomConf& conf_;
    std::minstd_rand random_;
    std::vector<Member*> usable_;
};

}  // namespace

std::unique_ptr<Balancer> make_least_conn(const void*) { return std::make_unique<LeastConn>(); }
std::unique_ptr<Balancer> make_least_time(const void* conf) {
    return std::make_unique<LeastTime>(*static_cast<const LeastTimeConf*>(conf));
}
std::unique_ptr<Balancer> make_random(const void* conf) {
    return std::make_unique<Random>(*static_cast<const RandomConf*>(conf));
}

}  // namespace berth::upstream

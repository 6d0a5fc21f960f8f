// The four ways of choosing.
#include "event/accept/balance.hpp"

#include <algorithm>
#include <functional>

namespace berth {

namespace {

// Mixes all bits into all bits (the finalizer of MurmurHash3 by A. Appleby, public domain).
std::uint64_t mix(std::uint64_t bits) noexcept {
    bits = (bits ^ (bits >> 33)) * 0xff51afd7ed558ccdU;
    bits = (bits ^ (bits >> 33)) * 0xc4ceb9fe1a85ec53U;
    return bits ^ (bits >> 33);
}

// Highest random weight: each candidate has its own number for each client, and the highest has the client.
std::size_t highest_weight(std::span<const Balancer::Candidate> candidates, std::uint64_t client) noexcept {
    auto weight = [client](const Balancer::Candidate& candidate) {
        return mix(client ^ mix(candidate.slot + 1));
    };
    return static_cast<std::size_t>(std::ranges::max_element(candidates, {}, weight) - candidates.begin());
}

}  // namespace

std::size_t Balancer::choose(std::span<const Candidate> candidates, const Address& client) noexcept {
    switch (kind_) {
        case AcceptBalance::round_robin: break;
        case AcceptBalance::least_conn:
            return static_cast<std::size_t>(std::ranges::min_element(candidates, {}, &Candidate::open) -
                                            candidates.begin());
        case AcceptBalance::ip_hash:
            return highest_weight(candidates, std::hash<std::string_view>{}(client.unmapped().bytes()));
        case AcceptBalance::random:
            return std::uniform_int_distribution<std::size_t>(0, candidates.size() - 1)(random_);
    }
    return 0;
}

}  // namespace berth

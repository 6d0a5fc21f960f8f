// Balancer: who gets the next connection, when a process (the master, a front) passes connections on.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string_view>

#include "core/net/address.hpp"

namespace berth {

// round_robin: who has waited longest. least_conn: who has the fewest connections open; of several, who has
// waited longest. ip_hash: one client address always has the same worker, while that one is there. random:
// anyone.
enum class AcceptBalance : std::uint8_t { round_robin, least_conn, ip_hash, random };

inline constexpr std::array<std::string_view, 4> kAcceptBalanceNames{"round_robin", "least_conn", "ip_hash",
                                                                     "random"};

constexpr std::string_view to_text(AcceptBalance balance) noexcept {
    return kAcceptBalanceNames[static_cast<std::size_t>(balance)];
}

// Chooses; knows neither workers nor sockets. Its caller keeps the candidates in the order in which they were
// last given a connection, the longest ago first, and moves the chosen one to the end: with that round_robin
// over idle workers is exact.
class Balancer {
 public:
    struct Candidate {
        // What ip_hash knows it by: its slot, so that the next worker there has the same clients.
        std::uint64_t slot = 0;
        std::uint64_t open = 0;  // connections that it has now; asked by least_conn only
    };

    explicit Balancer(AcceptBalance kind, std::uint64_t seed = std::random_device{}()) noexcept
        : kind_(kind), random_(seed) {}

    AcceptBalance kind() const noexcept { return kind_; }

    // The index of the chosen one; `candidates` is not empty. `client` is asked by ip_hash only, which looks
    // at the IP address and not at the port. When one candidate is missing, ip_hash moves its clients and
    // nobody else's.
    std::size_t choose(std::span<const Candidate> candidates, const Address& client) noexcept;

 private:
    AcceptBalance kind_;
    std::minstd_rand random_;
};

}  // namespace berth

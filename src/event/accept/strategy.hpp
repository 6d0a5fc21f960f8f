// Strategy: the ways in which workers share a listening socket, and what each can carry.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/net/address.hpp"

namespace berth {

// shared: all workers watch one socket (shared.cpp). handoff: the master accepts and passes descriptors round
// robin (handoff_*). reuseport: one socket for each slot, the kernel chooses. proxy: front
// processes accept and relay to each worker's private address (proxy_*).
enum class Strategy : std::uint8_t { shared, handoff, reuseport, proxy };

// The most that handoff_window can be.
inline constexpr unsigned kMostHandoffWindow = 64;

inline constexpr std::array<std::string_view, 4> kStrategyNames{"shared", "handoff", "reuseport", "proxy"};

constexpr std::string_view to_text(Strategy strategy) noexcept {
    return kStrategyNames[static_cast<std::size_t>(strategy)];
}

// What comes through a listening socket.
enum class Carried : std::uint8_t { tcp, tls, unix_stream, udp };

inline Carried carried_by(const Address& address) noexcept {
    return address.is_unix() ? Carried::unix_stream : Carried::tcp;
}

// Why this strategy cannot carry that; empty when it can. TCP and TLS: all four; unix: all but reuseport;
// UDP: shared and reuseport.
std::string why_not(Strategy strategy, Carried what);

}  // namespace berth

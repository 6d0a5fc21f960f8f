// Roster: what an upstream's peers are in shared memory: their state, and who of them a generation uses.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "modules/upstream/lease.hpp"
#include "modules/upstream/parameters.hpp"

namespace berth::upstream {

// Everything here lives in a Zone and is read and written under its lock. Times are milliseconds of
// CLOCK_MONOTONIC (monotonic_ms()).

// What is known of the health that active checks and outlier detection see.
enum class Health : std::uint8_t { unknown, healthy, unhealthy, ejected };

// One address. Shared by all generations that use it; the state a reload keeps.
struct PeerState {
    PeerState* next = nullptr;
    std::uint32_t index = 0;       // small, unique in the group, used again when the peer has gone
    std::uint32_t references = 0;  // rosters that name it
    std::string_view name;         // "127.0.0.1:8000"
    sockaddr_storage address{};
    socklen_t length = 0;

    std::uint32_t active = 0;  // requests under way, all workers together
    std::uint32_t idle = 0;    // connections kept, all workers together
    std::uint32_t epoch = 0;   // raised when kept connections must be dropped

    // Passive health, as nginx has it.
    std::uint32_t fails = 0;
    std::uint64_t accessed = 0;  // of the last failure
    std::uint64_t checked = 0;   // of the last failure, or of the attempt that probes after fail_timeout

    Health health = Health::unknown;
    std::uint64_t ejected_until = 0;
    std::uint32_t consecutive_errors = 0;

    std::uint64_t since = 0;         // when its condition last changed
    std::uint64_t warming_from = 0;  // when it came back: slow_start counts from here; 0: warm
    std::array<char, 96> reason{};   // why it is not up, as text

    // Totals.
    std::uint64_t requests = 0;
    std::array<std::uint64_t, 6> responses{};  // by hundreds of the status; [0]: none
    std::array<std::uint64_t, kFailures> failures{};
    std::uint64_t unavailable = 0;  // times it was taken out by its failures
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t downtime = 0;  // milliseconds of past conditions other than up
    // Moving averages in microseconds; 0: none yet.
    std::uint64_t header_time = 0;
    std::uint64_t response_time = 0;
};

// A peer as one generation uses it.
struct Member {
    PeerState* peer = nullptr;
    Parameters parameters;
    std::uint32_t server = 0;  // which server line; ~0: added while running
    std::string_view server_name;
    std::string_view route;
    // Smooth weighted round robin.
    std::int64_t current_weight = 0;
    std::int64_t effective_weight = 0;
};

// The peers of a generation. Changed in place, under the lock: whoever keeps something made from it compares
// `version`.
struct Roster {
    Roster* next = nullptr;
    std::uint64_t generation = 0;
    std::uint64_t version = 0;  // unique among all states of all rosters of the group
    bool released = false;      // the configuration is gone; workers may be left
    std::uint32_t count = 0;
    std::uint32_t capacity = 0;
    Member* members = nullptr;

    std::span<Member> all() const noexcept { return {members, count}; }
};

// What a peer is right now, from all that is known of it.
enum class Condition : std::uint8_t { up, down, draining, failed, probing, unhealthy, ejected };
std::string_view to_text(Condition condition) noexcept;
Condition condition_of(const Member& member, std::uint64_t now, bool single) noexcept;

}  // namespace berth::upstream

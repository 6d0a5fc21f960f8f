// Roster: what an upstream's peers are in shared memory: their state, and who of them a generation uses.
#pragma once

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/metrics/histogram.hpp"
#include "modules/upstream/lease.hpp"
#include "modules/upstream/parameters.hpp"

namespace berth::upstream {

// Everything here lives in a Zone and is read and written under its lock, but for what is atomic. Times are
// milliseconds of CLOCK_MONOTONIC, as monotonic_ms() and EventLoop::now() have them; 0 is never.

// What active checks and the detection of outliers say of a peer.
enum class Health : std::uint8_t { unknown, healthy, unhealthy, ejected };

// Who does something for all workers, or has a column. It lives as long as `*cell` says `id`: the id in a
// scoreboard row, which the master clears when the worker is gone, however it went.
struct Owner {
    const std::atomic<std::uint64_t>* cell = nullptr;
    std::uint64_t id = 0;

    bool alive() const noexcept { return cell->load(std::memory_order_relaxed) == id; }
    bool operator==(const Owner&) const = default;
};

// What active checks saw of a peer.
struct CheckRecord {
    std::uint64_t total = 0;
    std::uint64_t failed = 0;
    std::uint64_t last = 0;          // when the last one ended; 0: none yet
    std::uint32_t fails_in_row = 0;  // of these and passes_in_row one is always 0
    std::uint32_t passes_in_row = 0;
    std::array<char, 96> complaint{};  // of the last one; NUL-terminated, empty: it passed
};

// One address. Shared by all generations that use it: what a reload keeps.
struct PeerState {
    PeerState* next = nullptr;
    std::uint64_t id = 0;          // never used again
    std::uint32_t index = 0;       // small; used again when the peer has gone
    std::uint32_t references = 0;  // members that name it
    std::string_view name;         // "127.0.0.1:8000"
    sockaddr_storage address{};
    socklen_t length = 0;
    Address to_address() const {
        return Address::from_sockaddr(reinterpret_cast<const sockaddr*>(&address), length);
    }

    std::uint32_t active = 0;              // requests under way, of all workers together
    std::atomic<std::uint32_t> epoch = 0;  // raised when kept connections must be dropped

    // Passive health, by nginx's rules.
    std::uint32_t fails = 0;
    std::uint64_t accessed = 0;  // the last failure
    std::uint64_t checked = 0;   // the last failure, or the request that was let through after fail_timeout

    Health health = Health::unknown;
    std::uint64_t ejected_until = 0;
    std::uint32_t consecutive_errors = 0;  // failures and answers of 5xx in a row
    std::uint32_t timed_answers = 0;       // since it was made or came back
    std::uint32_t ejections = 0;           // without a good stretch between them

    std::uint64_t since = 0;         // when it last went out or came back
    std::uint64_t warming_from = 0;  // when it came back: slow_start counts from here; 0: it is warm
    std::array<char, 96> reason{};   // why it went out; NUL-terminated

    CheckRecord checks;

    // Totals.
    std::uint64_t requests = 0;
    std::array<std::uint64_t, 6> responses{};  // by the hundreds of the status; [0]: none or unknown
    std::array<std::uint64_t, kFailures> failures{};
    std::uint64_t abandoned = 0;             // given up for the client's sake
    std::uint64_t unavailable = 0;           // times it was taken out
    std::atomic<std::uint64_t> unasked = 0;  // kept connections closed because it sent bytes between requests
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t downtime = 0;  // milliseconds out, without the present time
    // Moving averages in microseconds; 0: none yet.
    std::uint64_t header_time = 0;
    std::uint64_t response_time = 0;
    std::uint64_t timed_at = 0;  // when they were renewed
    Histogram* times = nullptr;  // microseconds to the last byte; null: the zone had no room for it
};

// A peer as one generation uses it.
struct Member {
    static constexpr std::uint32_t kAdded = ~std::uint32_t{0};

    PeerState* peer = nullptr;
    Parameters parameters;
    std::uint32_t server = 0;  // which server line of the configuration; kAdded: none, added since
    std::string_view server_name;
    std::string_view route;
    std::uint64_t ordered = 0;  // when a command made it down or drain; 0: the configuration says so,
    bool from_state = false;    // or the state file: a command did, of an earlier run
    // Smooth weighted round robin. `effective_weight` is what failures have left of the weight.
    std::int64_t current_weight = 0;
    std::int64_t effective_weight = 1;

    // Whether it has failed so often that it gets no request but one after each fail_timeout.
    bool tripped() const noexcept { return parameters.max_fails != 0 && peer->fails >= parameters.max_fails; }
    // Whether it is at max_conns.
    bool full() const noexcept { return parameters.max_conns != 0 && peer->active >= parameters.max_conns; }
    // slow_start: how much of its weight counts now, of kWarm.
    static constexpr std::int64_t kWarm = 100;
    std::int64_t warmth(std::uint64_t now) const noexcept;
};

// What became of looking up the name of a `server … resolve`.
struct NameState {
    std::string_view name;             // Server::text(); empty: this line has no name to look up
    std::uint64_t lookups = 0;         // that ended
    std::uint64_t failures = 0;        // of those
    std::uint64_t resolved = 0;        // when it last had an answer; 0: never
    std::uint64_t due = 0;             // when it is looked up next
    std::uint32_t in_row = 0;          // failures since
    std::uint32_t absent = 0;          // of those, one after another: that there is no such name
    bool tried = false;                // in this generation
    std::array<char, 96> complaint{};  // of the last lookup; NUL-terminated, empty: it had an answer
};

// The peers of a generation. Changed in place: whoever keeps something made from it compares `version`.
struct Roster {
    Roster* next = nullptr;
    std::uint64_t generation = 0;
    std::uint64_t version = 0;  // no two states of any roster of the group have the same
    bool released = false;      // its configuration is gone; workers may be left
    std::uint32_t count = 0;
    std::uint32_t capacity = 0;
    Member* members = nullptr;
    std::uint32_t lines = 0;     // server lines, each with its NameState
    NameState* names = nullptr;  // null: none is to be resolved
    // Who looks names up: until `resolver_until`, if it lives so long.
    Owner resolver;
    std::uint64_t resolver_until = 0;

    std::span<Member> all() const noexcept { return {members, count}; }
    // nginx's special case: failures never take out an only peer.
    bool single() const noexcept { return count == 1; }
};

// What a peer is right now, from all that is known of it.
enum class Condition : std::uint8_t { up, down, draining, failed, probing, unhealthy, ejected };
std::string_view to_text(Condition condition) noexcept;
Condition condition_of(const Roster& roster, const Member& member, std::uint64_t now) noexcept;

}  // namespace berth::upstream

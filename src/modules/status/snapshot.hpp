// Snapshot: the scoreboard's numbers at one moment, as plain data.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/metrics/histogram.hpp"
#include "event/process/scoreboard.hpp"

namespace berth::status {

// The members of ListenerCounters, in the order of listener_columns().
inline constexpr std::size_t kListenerColumns = 15;
using ListenerRow = std::array<std::uint64_t, kListenerColumns>;

inline constexpr std::size_t kAccepted = 0;
inline constexpr std::size_t kHanded = 1;
inline constexpr std::size_t kRefused = 2;
inline constexpr std::size_t kOpen = 11;
inline constexpr std::size_t kIdle = 12;

// What one process counts, or what all of a role that are gone counted.
struct Counts {
    std::vector<ListenerRow> listeners;  // by the index in Snapshot::listeners
    std::array<std::uint64_t, RequestCounters::kClasses> requests{};
    std::uint64_t active = 0;
    std::uint64_t evicted = 0;
    std::uint64_t drain_closed = 0;
    std::uint64_t shutdown_closed = 0;
    std::uint64_t bad_proxy_headers = 0;
    std::uint64_t slow_bodies = 0;
    std::uint64_t unwritten_bodies = 0;
    // ProxyCounters, in their order.
    std::array<std::uint64_t, sizeof(ProxyCounters) / sizeof(SharedCounter)> proxy{};

    void add(const Counts& other);
    ListenerRow all_listeners() const;
};

struct Process {
    ProcessRole role = ProcessRole::worker;
    WorkerState state = WorkerState::none;
    pid_t pid = 0;
    std::uint32_t slot = 0;
    std::uint64_t id = 0;
    std::uint64_t generation = 0;
    std::uint64_t started_ms = 0;
    std::uint64_t restarts = 0;
    std::uint64_t used_slots = 0;  // of worker_connections, also by outgoing connections
    std::uint64_t descriptors = 0;
    std::uint64_t voluntary_switches = 0;
    std::uint64_t involuntary_switches = 0;
    std::uint64_t user_us = 0;
    std::uint64_t system_us = 0;
    std::uint64_t resident_bytes = 0;
    std::uint64_t loop_turns = 0;
    std::uint64_t empty_turns = 0;
    Counts counts;
};

// One address; several indices of the scoreboard when it was closed and opened again.
struct ListenerName {
    std::string address;
    std::string strategy;
    std::vector<std::size_t> indices;
};

// Connections of clients. Reading is what neither waits nor is being answered: also a TLS handshake, a PROXY
// header, a lingering end.
struct ConnectionStates {
    ConnectionStates(std::uint64_t open, std::uint64_t idle, std::uint64_t active) noexcept;
    explicit ConnectionStates(const Counts& of_workers) noexcept;
    // Only the gauges of the living are read: cheap enough for a variable in a log.
    explicit ConnectionStates(Scoreboard& board) noexcept;

    std::uint64_t open;
    std::uint64_t waiting;
    std::uint64_t writing;
    std::uint64_t reading;
};

struct Snapshot {
    explicit Snapshot(Scoreboard& board);

    std::vector<ListenerName> listeners;
    std::vector<Process> processes;          // the master first, if there is one
    std::array<Counts, kProcessRoles> past;  // of all that are gone
    HistogramSum request_times;              // of all
    std::uint64_t started_ms = 0;
    std::uint64_t deaths = 0;
    std::uint64_t respawns = 0;
    std::uint64_t missing = 0;
    std::uint64_t reloads = 0;
    std::uint64_t failed_reloads = 0;

    // Of the living and all that are gone.
    Counts sum(ProcessRole role) const;

 private:
    void name_listeners(Scoreboard& board);
    void read(Scoreboard& board);
    Counts counts_of(const ScoreboardRow& row) const;
    Process process_of(const ScoreboardRow& row) const;
};

}  // namespace berth::status

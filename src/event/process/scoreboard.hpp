// Scoreboard: what every worker counts, in memory that all processes see.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "core/result.hpp"

namespace berth {

// One writer (its worker), any number of readers, no locks: each number is right by itself.
using SharedCounter = std::atomic<std::uint64_t>;

// Adds without a locked instruction: there is only one writer.
inline void count(SharedCounter& counter, std::uint64_t by = 1) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}

// What one worker counts for one listening socket.
struct alignas(64) ListenerCounters {
    SharedCounter accepted;
    SharedCounter refused;        // accepted, but closed for want of a slot or of somebody to serve it
    SharedCounter wakeups;        // times the socket was reported ready
    SharedCounter empty_wakeups;  // of these, times nothing was there: somebody else was quicker
    SharedCounter failures;       // accept4(2) failed: no descriptors, no memory
};

enum class WorkerState : std::uint32_t { none, starting, ready, draining };

// One living worker process.
struct ScoreboardRow {
    static constexpr std::size_t kListeners = 63;  // those beyond share the last one

    alignas(64) std::atomic<std::int32_t> pid;
    std::atomic<WorkerState> state;
    std::atomic<std::uint32_t> slot;
    SharedCounter id;
    SharedCounter generation;
    SharedCounter started_ms;         // wall clock, since 1970
    SharedCounter open;               // connections open now; set once a second
    SharedCounter idle;               // of these, idle
    SharedCounter requests;           // answered; the protocols count
    SharedCounter evicted;            // idle ones closed to make room
    SharedCounter drain_closed;       // idle ones closed at the end of worker_idle_drain
    SharedCounter bad_proxy_headers;  // connections closed because of one
    SharedCounter shutdown_closed;    // closed by worker_shutdown_timeout with work under way
    SharedCounter loop_turns;
    SharedCounter empty_turns;
    ListenerCounters listeners[kListeners + 1];

    ListenerCounters& listener(std::size_t index) noexcept {
        return listeners[index < kListeners ? index : kListeners];
    }
};

// Made by the master before its first fork and kept until it ends; a child finds it at the same address. What
// the worker of a row counted is added to `past` when its row is given back, so that totals never fall.
class Scoreboard {
 public:
    static constexpr std::size_t kRows = 1024;

    static Result<Scoreboard> create();
    Scoreboard(Scoreboard&& other) noexcept;
    Scoreboard& operator=(Scoreboard&& other) noexcept;
    ~Scoreboard();

    // A free row, zeroed; null when all are in use. Only the master takes and gives back.
    ScoreboardRow* take(std::uint32_t slot, std::uint64_t id, std::uint64_t generation) noexcept;
    void give_back(ScoreboardRow& row) noexcept;

    // The rows in use (pid 0: being forked) and the sum of all that are gone.
    ScoreboardRow* rows() noexcept { return memory_->rows; }
    ScoreboardRow& past() noexcept { return memory_->past; }
    // Of the whole server, for the master to count: workers that died unasked, and those started in their
    // place.
    SharedCounter& deaths() noexcept { return memory_->deaths; }
    SharedCounter& respawns() noexcept { return memory_->respawns; }
    SharedCounter& reloads() noexcept { return memory_->reloads; }
    SharedCounter& failed_reloads() noexcept { return memory_->failed_reloads; }

 private:
    struct Memory {
        SharedCounter deaths;
        SharedCounter respawns;
        SharedCounter reloads;
        SharedCounter failed_reloads;
        ScoreboardRow past;
        ScoreboardRow rows[kRows];
    };
    explicit Scoreboard(Memory* memory) noexcept : memory_(memory) {}

    Memory* memory_;
};

}  // namespace berth

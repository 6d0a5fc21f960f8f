// Scoreboard: what every process counts, in memory that all of them see.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/metrics/histogram.hpp"
#include "core/result.hpp"
#include "event/accept/front_board.hpp"
#include "event/accept/front_wake.hpp"
#include "event/accept/handoff_state.hpp"
#include "event/accept/lease.hpp"

namespace berth {

// One writer (the process of its row, unless it says otherwise), any number of readers, no locks: each number
// is right by itself.
using SharedCounter = std::atomic<std::uint64_t>;

// Adds without a locked instruction: there is only one writer.
inline void count(SharedCounter& counter, std::uint64_t by = 1) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
}
// Of gauges, which also go down.
inline void uncount(SharedCounter& gauge, std::uint64_t by = 1) noexcept {
    gauge.store(gauge.load(std::memory_order_relaxed) - by, std::memory_order_relaxed);
}

// What one process counts for one listening socket.
struct alignas(64) ListenerCounters {
    SharedCounter accepted;  // taken from the kernel by this process
    // Handoff: in the master's row given to workers, in a worker's received from it.
    SharedCounter handed;
    // This worker could not serve it (no slot, draining, nobody for it): given back when it came by handoff,
    // closed otherwise.
    SharedCounter refused;
    // Handoff; the master writes it, in the row of the worker that refused it or died: it went to another
    // one.
    SharedCounter redistributed;
    SharedCounter dropped;        // accepted and closed because no worker was there in time
    SharedCounter lost;           // open when this process ended; the master writes it
    SharedCounter wakeups;        // times the socket was reported ready
    SharedCounter empty_wakeups;  // of these, times nothing was there: somebody else was quicker
    SharedCounter failures;       // accept4(2) failed: no descriptors, no memory
    SharedCounter received;       // bytes from and to its clients, on the wire
    SharedCounter sent;
    // Gauges: the pool of connections counts them.
    SharedCounter open;     // connections that came through this socket and are open
    SharedCounter idle;     // of these, waiting for a request
    SharedCounter waiting;  // master: accepted, but not yet with a worker
    // Held open for its clients' connections: theirs, in a front also those to workers and the pipes between,
    // in the master copies of what a worker has not taken yet.
    SharedCounter descriptors;
};

enum class WorkerState : std::uint32_t { none, starting, ready, draining };
enum class ProcessRole : std::uint32_t { worker, front, supervisor, master };
inline constexpr std::size_t kProcessRoles = 4;

std::string_view to_text(WorkerState state) noexcept;
std::string_view to_text(ProcessRole role) noexcept;

// What the system says of a process: it writes this itself, once a second (measure_process), so that these
// are the last figures of one that is stopped.
struct ProcessUsage {
    SharedCounter descriptors;  // open now
    SharedCounter voluntary_switches;
    SharedCounter involuntary_switches;
    SharedCounter user_us;  // processor time
    SharedCounter system_us;
    SharedCounter resident_bytes;  // the most it ever had
};

// What a worker counts of the requests it answered. A request counts when it is over, however it ended.
struct RequestCounters {
    static constexpr std::size_t kClasses = 6;

    SharedCounter by_class[kClasses];  // 1xx … 5xx at their digit; at 0 those that got no answer
    SharedCounter active;              // gauge: heads read, answers not complete
    Histogram time;  // microseconds, from the first byte of a request to the last of its answer

    void answered(int status, std::uint64_t microseconds) noexcept {
        const auto digit = static_cast<std::size_t>(status / 100);
        count(by_class[digit < kClasses ? digit : 0]);
        time.record(microseconds);
    }
};

// What a worker counts of the requests it gives to backends.
struct ProxyCounters {
    SharedCounter retries;           // a further backend was asked
    SharedCounter retries_refused;   // the retry budget was used up
    SharedCounter broken_answers;    // ended in the middle: the client's connection was broken off
    SharedCounter client_aborts;     // the client left, and the backend's work was cancelled
    SharedCounter temp_file_errors;  // a temporary file could not be written: the answer went on without
    SharedCounter tunnels;           // gauge: upgraded connections (WebSocket) that are open
};

// One living process.
struct ScoreboardRow {
    static constexpr std::size_t kListeners = 63;  // those beyond share the last one

    alignas(64) std::atomic<std::int32_t> pid;
    std::atomic<WorkerState> state;
    std::atomic<ProcessRole> role;
    std::atomic<std::uint32_t> slot;
    SharedCounter id;
    SharedCounter generation;
    SharedCounter started_ms;         // wall clock, since 1970
    SharedCounter restarts;           // times its slot was filled anew because the process in it had died
    SharedCounter open;               // connections open now, also outgoing ones; set once a second
    SharedCounter idle;               // of these, idle
    SharedCounter evicted;            // idle ones closed to make room
    SharedCounter drain_closed;       // idle ones closed at the end of worker_idle_drain
    SharedCounter bad_proxy_headers;  // connections closed because of one
    SharedCounter slow_bodies;        // requests given up because of client_body_min_rate
    SharedCounter unwritten_bodies;   // requests refused: their body could not be written to a temporary file
    SharedCounter shutdown_closed;    // closed by worker_shutdown_timeout with work under way
    SharedCounter loop_turns;
    SharedCounter empty_turns;
    ProcessUsage usage;
    RequestCounters requests;
    HandoffState handoff;
    ProxyCounters proxy;
    ListenerCounters listeners[kListeners + 1];

    ListenerCounters& listener(std::size_t index) noexcept {
        return listeners[index < kListeners ? index : kListeners];
    }
    // Connections of clients that are open: those of all listeners.
    std::uint64_t clients() const noexcept;
};

// Writes what the system says of the calling process. Counting descriptors is dear on kernels before 6.2 when
// there are many: then it is done less often.
void measure_process(ProcessUsage& usage) noexcept;

// Made by the master before its first fork and kept until it ends; a child finds it at the same address. What
// the process of a row counted is added to `past` when its row is given back, so that totals never fall;
// gauges are not.
class Scoreboard {
 public:
    static constexpr std::size_t kRows = 1024;

    static Result<Scoreboard> create();
    Scoreboard(Scoreboard&& other) noexcept;
    Scoreboard& operator=(Scoreboard&& other) noexcept;
    ~Scoreboard();

    // A free row, zeroed; null when all are in use. Only the master takes and gives back.
    ScoreboardRow* take(std::uint32_t slot, std::uint64_t id, std::uint64_t generation,
                        ProcessRole role = ProcessRole::worker) noexcept;
    void give_back(ScoreboardRow& row) noexcept;
    // Before give_back() of a process that has ended: what it held counts as lost. Returns how many
    // connections those were; somebody has to log them.
    std::uint64_t count_lost(ScoreboardRow& row) noexcept;

    // Calls read(), and again as long as rows were given back meanwhile: what was counted is then neither
    // seen twice nor missed. read() begins anew each time.
    template <class Read>
    void read_consistently(Read read) const {
        for (int tries = 0; tries < kMostReads; ++tries) {
            const std::uint64_t before = memory_->moves.load(std::memory_order_acquire);
            read();
            std::atomic_thread_fence(std::memory_order_acquire);
            if (before % 2 == 0 && memory_->moves.load(std::memory_order_relaxed) == before) return;
        }
    }

    // The rows in use (pid 0: being forked) and the sum of all of a role that are gone.
    ScoreboardRow* rows() noexcept { return memory_->rows; }
    ScoreboardRow& past(ProcessRole role = ProcessRole::worker) noexcept {
        return memory_->past[static_cast<std::size_t>(role)];
    }
    // The master's own: what it accepts for its workers. It is not among rows().
    ScoreboardRow& master() noexcept { return memory_->master; }

    // Which address a listener's index stands for, and how it is shared (a literal: "handoff"). Told before
    // the workers are forked; the name stays when the socket is closed, for what was counted. When the index
    // gets another address, at which no process may count any more, that goes to those that share the last.
    void name_listener(std::size_t index, std::string_view address, const char* strategy) noexcept;
    // Empty when the index was never named, as is that of the last one, which stands for many.
    std::string_view listener_address(std::size_t index) const noexcept;
    std::string_view listener_strategy(std::size_t index) const noexcept;
    // Its sockets are about to be closed, as this generation does not serve it: who is of an older one, and
    // goes on, must not think that what is at its addresses from then on is ours.
    void close_listener(std::size_t index, std::uint64_t generation) noexcept;
    bool is_closed(std::size_t index, std::uint64_t generation) const noexcept;

    // Of strategy=proxy.
    FrontBoard& fronts() noexcept { return memory_->fronts; }
    FrontWakers& front_wakers() noexcept { return front_wakers_; }

    // Of the whole server, for the master to count: processes that died unasked, and those started in their
    // place.
    SharedCounter& deaths() noexcept { return memory_->deaths; }
    SharedCounter& respawns() noexcept { return memory_->respawns; }
    SharedCounter& missing() noexcept { return memory_->missing; }  // gauge: those that wait to be started
    SharedCounter& reloads() noexcept { return memory_->reloads; }
    SharedCounter& failed_reloads() noexcept { return memory_->failed_reloads; }
    // accept_mutex on: which worker's turn it is to accept.
    AcceptLease& accept_lease() noexcept { return memory_->accept_lease; }
    // The process in this slot died and another is started in its place; counts in respawns(), too.
    void count_restart(ProcessRole role, std::uint32_t slot) noexcept;
    // It could not be started.
    void uncount_restart(ProcessRole role, std::uint32_t slot) noexcept;

 private:
    struct ListenerName {
        char address[120];  // a unix path needs 114
        std::atomic<std::uint32_t> length;
        std::atomic<const char*> strategy;
        std::atomic<std::uint64_t> closed;  // by this generation; 0: never
    };
    // A master that dies in the middle of giving back must not hold its workers.
    static constexpr int kMostReads = 100;

    struct Memory {
        SharedCounter moves;  // odd while a row is being given back
        SharedCounter deaths;
        SharedCounter respawns;
        SharedCounter missing;
        SharedCounter reloads;
        SharedCounter failed_reloads;
        alignas(64) AcceptLease accept_lease;
        SharedCounter restarts[kProcessRoles][kRows];  // by slot
        ListenerName listeners[ScoreboardRow::kListeners];
        FrontBoard fronts;
        ScoreboardRow master;
        ScoreboardRow past[kProcessRoles];
        ScoreboardRow rows[kRows];
    };
    void forget_listener(std::size_t index) noexcept;
    explicit Scoreboard(Memory* memory) noexcept : memory_(memory) {}

    Memory* memory_;
    FrontWakers front_wakers_;
};

}  // namespace berth

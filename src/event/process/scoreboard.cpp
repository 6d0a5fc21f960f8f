// The scoreboard's memory, and the rows' coming and going.
#include "event/process/scoreboard.hpp"

#include <sys/mman.h>

#include <chrono>
#include <cstring>
#include <new>
#include <utility>

namespace berth {

namespace {

std::uint64_t wall_ms() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

void add(SharedCounter& sum, const SharedCounter& part) { count(sum, part.load(std::memory_order_relaxed)); }

}  // namespace

Result<Scoreboard> Scoreboard::create() {
    void* memory = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return system_error("mmap", "scoreboard", errno);
    // Default-initialised, not zeroed: fresh pages are zero, and untouched ones cost nothing.
    return Scoreboard(static_cast<Memory*>(memory));
}

Scoreboard::Scoreboard(Scoreboard&& other) noexcept : memory_(std::exchange(other.memory_, nullptr)) {}

Scoreboard& Scoreboard::operator=(Scoreboard&& other) noexcept {
    std::swap(memory_, other.memory_);
    return *this;
}

Scoreboard::~Scoreboard() {
    if (memory_ != nullptr) ::munmap(memory_, sizeof(Memory));
}

ScoreboardRow* Scoreboard::take(std::uint32_t slot, std::uint64_t id, std::uint64_t generation) noexcept {
    for (ScoreboardRow& row : memory_->rows) {
        if (row.state.load() != WorkerState::none) continue;
        row.slot = slot;
        row.id = id;
        row.generation = generation;
        row.started_ms = wall_ms();
        row.state = WorkerState::starting;
        return &row;
    }
    return nullptr;
}

void Scoreboard::give_back(ScoreboardRow& row) noexcept {
    ScoreboardRow& sum = past();
    add(sum.requests, row.requests);
    add(sum.evicted, row.evicted);
    add(sum.drain_closed, row.drain_closed);
    add(sum.bad_proxy_headers, row.bad_proxy_headers);
    add(sum.shutdown_closed, row.shutdown_closed);
    add(sum.loop_turns, row.loop_turns);
    add(sum.empty_turns, row.empty_turns);
    for (std::size_t i = 0; i <= ScoreboardRow::kListeners; ++i) {
        ListenerCounters& from = row.listeners[i];
        ListenerCounters& to = sum.listeners[i];
        add(to.accepted, from.accepted);
        add(to.refused, from.refused);
        add(to.wakeups, from.wakeups);
        add(to.empty_wakeups, from.empty_wakeups);
        add(to.failures, from.failures);
    }
    row.pid = 0;
    for (SharedCounter* counter : {&row.id, &row.generation, &row.started_ms, &row.open, &row.idle,
                                   &row.requests, &row.evicted, &row.drain_closed, &row.bad_proxy_headers,
                                   &row.shutdown_closed, &row.loop_turns, &row.empty_turns}) {
        counter->store(0, std::memory_order_relaxed);
    }
    for (ListenerCounters& counters : row.listeners) {
        for (SharedCounter* counter : {&counters.accepted, &counters.refused, &counters.wakeups,
                                       &counters.empty_wakeups, &counters.failures}) {
            counter->store(0, std::memory_order_relaxed);
        }
    }
    row.state = WorkerState::none;  // last: with it the row is free
}

}  // namespace berth

// The scoreboard's memory, and the rows' coming and going.
#include "event/process/scoreboard.hpp"

#include <dirent.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <utility>

namespace berth {

namespace {

using ListenerMember = SharedCounter ListenerCounters::*;
using RowMember = SharedCounter ScoreboardRow::*;

// What is summed up when a process has gone, and what only was so while it lived.
constexpr ListenerMember kListenerSums[] = {
    &ListenerCounters::accepted, &ListenerCounters::handed,        &ListenerCounters::refused,
    &ListenerCounters::lost,     &ListenerCounters::redistributed, &ListenerCounters::dropped,
    &ListenerCounters::wakeups,  &ListenerCounters::empty_wakeups, &ListenerCounters::failures,
    &ListenerCounters::received, &ListenerCounters::sent};
constexpr ListenerMember kListenerGauges[] = {&ListenerCounters::open, &ListenerCounters::idle,
                                              &ListenerCounters::waiting, &ListenerCounters::descriptors};
static_assert(sizeof(ListenerCounters) == 2 * 64, "a new counter belongs to one of the lists above");

constexpr RowMember kRowSums[] = {&ScoreboardRow::evicted,           &ScoreboardRow::drain_closed,
                                  &ScoreboardRow::bad_proxy_headers, &ScoreboardRow::slow_bodies,
                                  &ScoreboardRow::unwritten_bodies,  &ScoreboardRow::shutdown_closed,
                                  &ScoreboardRow::loop_turns,        &ScoreboardRow::empty_turns};
constexpr RowMember kRowGauges[] = {&ScoreboardRow::id,         &ScoreboardRow::generation,
                                    &ScoreboardRow::started_ms, &ScoreboardRow::restarts,
                                    &ScoreboardRow::open,       &ScoreboardRow::idle};

constexpr SharedCounter ProcessUsage::*kUsageSums[] = {&ProcessUsage::voluntary_switches,
                                                       &ProcessUsage::involuntary_switches,
                                                       &ProcessUsage::user_us, &ProcessUsage::system_us};
constexpr SharedCounter ProcessUsage::*kUsageGauges[] = {&ProcessUsage::descriptors,
                                                         &ProcessUsage::resident_bytes};

constexpr SharedCounter ProxyCounters::*kProxySums[] = {
    &ProxyCounters::retries, &ProxyCounters::retries_refused, &ProxyCounters::broken_answers,
    &ProxyCounters::client_aborts, &ProxyCounters::temp_file_errors};
constexpr SharedCounter ProxyCounters::*kProxyGauges[] = {&ProxyCounters::tunnels};
static_assert(sizeof(ProxyCounters) == 6 * sizeof(SharedCounter), "a new counter belongs to a list above");

std::uint64_t wall_ms() {
    const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count());
}

void set(SharedCounter& counter, std::uint64_t value) { counter.store(value, std::memory_order_relaxed); }
std::uint64_t value_of(const SharedCounter& counter) { return counter.load(std::memory_order_relaxed); }

// Adds the sums of `from` to `to`, and leaves `from` zeroed.
template <class Struct, std::size_t Sums, std::size_t Gauges>
void move_counts(Struct& to, Struct& from, SharedCounter Struct::*const (&sums)[Sums],
                 SharedCounter Struct::*const (&gauges)[Gauges]) {
    for (SharedCounter Struct::*const sum : sums) {
        if (value_of(from.*sum) == 0) continue;  // pages that were never written are not touched
        count(to.*sum, value_of(from.*sum));
        set(from.*sum, 0);
    }
    for (SharedCounter Struct::*const gauge : gauges) {
        if (value_of(from.*gauge) != 0) set(from.*gauge, 0);
    }
}

void move_requests(RequestCounters& to, RequestCounters& from) {
    for (std::size_t i = 0; i < RequestCounters::kClasses; ++i) {
        count(to.by_class[i], value_of(from.by_class[i]));
        set(from.by_class[i], 0);
    }
    set(from.active, 0);
    to.time.merge(from.time);
    from.time.clear();
}

std::uint64_t microseconds(const timeval& time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(time.tv_usec);
}

// Since Linux 6.2 the size of the folder is the number (proc(5)); before, its entries have to be counted.
std::uint64_t count_descriptors() {
    struct stat status;
    if (::stat("/proc/self/fd", &status) == 0 && status.st_size > 0)
        return static_cast<std::uint64_t>(status.st_size);
    const std::unique_ptr<DIR, int (*)(DIR*)> folder(::opendir("/proc/self/fd"), &::closedir);
    if (folder == nullptr) return 0;
    std::uint64_t entries = 0;
    while (::readdir(folder.get()) != nullptr) ++entries;
    constexpr std::uint64_t kNotHeld = 3;  // "." and "..", and the folder itself
    return entries > kNotHeld ? entries - kNotHeld : 0;
}

}  // namespace

std::string_view to_text(WorkerState state) noexcept {
    switch (state) {
        case WorkerState::none: return "none";
        case WorkerState::starting: return "starting";
        case WorkerState::ready: return "ready";
        case WorkerState::draining: return "draining";
    }
    return {};
}

std::string_view to_text(ProcessRole role) noexcept {
    switch (role) {
        case ProcessRole::worker: return "worker";
        case ProcessRole::front: return "front";
        case ProcessRole::supervisor: return "supervisor";
        case ProcessRole::master: return "master";
    }
    return {};
}

std::uint64_t ScoreboardRow::clients() const noexcept {
    std::uint64_t all = 0;
    for (const ListenerCounters& counters : listeners) all += value_of(counters.open);
    return all;
}

void measure_process(ProcessUsage& usage) noexcept {
    rusage used;
    if (::getrusage(RUSAGE_SELF, &used) == 0) {
        set(usage.voluntary_switches, static_cast<std::uint64_t>(used.ru_nvcsw));
        set(usage.involuntary_switches, static_cast<std::uint64_t>(used.ru_nivcsw));
        set(usage.user_us, microseconds(used.ru_utime));
        set(usage.system_us, microseconds(used.ru_stime));
        set(usage.resident_bytes, static_cast<std::uint64_t>(used.ru_maxrss) * 1024);
    }
    // A thousand more, a call less often.
    constexpr std::uint64_t kMany = 1000;
    thread_local std::uint64_t skip = 0;
    if (skip > 0) {
        --skip;
        return;
    }
    const std::uint64_t descriptors = count_descriptors();
    set(usage.descriptors, descriptors);
    skip = descriptors / kMany;
}

Result<Scoreboard> Scoreboard::create() {
    void* memory = ::mmap(nullptr, sizeof(Memory), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return system_error("mmap", "scoreboard", errno);
    // Default-initialised, not zeroed: fresh pages are zero, and untouched ones cost nothing.
    auto* board = static_cast<Memory*>(memory);
    board->master.role = ProcessRole::master;
    set(board->master.started_ms, wall_ms());
    return Scoreboard(board);
}

Scoreboard::Scoreboard(Scoreboard&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)), front_wakers_(std::move(other.front_wakers_)) {}

Scoreboard& Scoreboard::operator=(Scoreboard&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(front_wakers_, other.front_wakers_);
    return *this;
}

Scoreboard::~Scoreboard() {
    if (memory_ != nullptr) ::munmap(memory_, sizeof(Memory));
}

ScoreboardRow* Scoreboard::take(std::uint32_t slot, std::uint64_t id, std::uint64_t generation,
                                ProcessRole role) noexcept {
    for (ScoreboardRow& row : memory_->rows) {
        if (row.state.load() != WorkerState::none) continue;
        row.slot = slot;
        row.id = id;
        row.generation = generation;
        row.role = role;
        row.started_ms = wall_ms();
        row.restarts = slot < kRows ? value_of(memory_->restarts[static_cast<std::size_t>(role)][slot]) : 0;
        row.state = WorkerState::starting;
        return &row;
    }
    return nullptr;
}

void Scoreboard::count_restart(ProcessRole role, std::uint32_t slot) noexcept {
    count(memory_->respawns);
    if (slot < kRows) count(memory_->restarts[static_cast<std::size_t>(role)][slot]);
}

void Scoreboard::uncount_restart(ProcessRole role, std::uint32_t slot) noexcept {
    uncount(memory_->respawns);
    if (slot < kRows) uncount(memory_->restarts[static_cast<std::size_t>(role)][slot]);
}

std::uint64_t Scoreboard::count_lost(ScoreboardRow& row) noexcept {
    std::uint64_t all = 0;
    for (ListenerCounters& counters : row.listeners) {
        const std::uint64_t held = value_of(counters.open);
        if (held == 0) continue;
        count(counters.lost, held);
        all += held;
    }
    return all;
}

void Scoreboard::give_back(ScoreboardRow& row) noexcept {
    ScoreboardRow& sum = past(row.role);
    count(memory_->moves);
    std::atomic_thread_fence(std::memory_order_release);
    move_counts(sum, row, kRowSums, kRowGauges);
    move_counts(sum.usage, row.usage, kUsageSums, kUsageGauges);
    move_requests(sum.requests, row.requests);
    move_counts(sum.proxy, row.proxy, kProxySums, kProxyGauges);
    for (std::size_t i = 0; i <= ScoreboardRow::kListeners; ++i) {
        move_counts(sum.listeners[i], row.listeners[i], kListenerSums, kListenerGauges);
    }
    row.pid = 0;
    row.state = WorkerState::none;  // last: with it the row is free
    memory_->moves.store(value_of(memory_->moves) + 1, std::memory_order_release);
}

void Scoreboard::name_listener(std::size_t index, std::string_view address, const char* strategy) noexcept {
    if (index >= ScoreboardRow::kListeners) return;
    ListenerName& name = memory_->listeners[index];
    if (!listener_address(index).empty() &&
        listener_address(index) != address.substr(0, sizeof(name.address)))
        forget_listener(index);
    name.strategy = strategy;
    if (name.length.load(std::memory_order_relaxed) != 0) return;
    const std::size_t length = std::min(address.size(), sizeof(name.address));
    std::memcpy(name.address, address.data(), length);
    name.length.store(static_cast<std::uint32_t>(length), std::memory_order_release);
}

void Scoreboard::close_listener(std::size_t index, std::uint64_t generation) noexcept {
    if (index < ScoreboardRow::kListeners) memory_->listeners[index].closed = generation;
}

bool Scoreboard::is_closed(std::size_t index, std::uint64_t generation) const noexcept {
    return index < ScoreboardRow::kListeners && memory_->listeners[index].closed.load() > generation;
}

void Scoreboard::forget_listener(std::size_t index) noexcept {
    const auto move = [&](ScoreboardRow& row) {
        move_counts(row.listeners[ScoreboardRow::kListeners], row.listeners[index], kListenerSums,
                    kListenerGauges);
    };
    count(memory_->moves);
    std::atomic_thread_fence(std::memory_order_release);
    move(memory_->master);
    for (ScoreboardRow& row : memory_->past) move(row);
    memory_->listeners[index].length.store(0, std::memory_order_relaxed);
    memory_->moves.store(value_of(memory_->moves) + 1, std::memory_order_release);
}

std::string_view Scoreboard::listener_address(std::size_t index) const noexcept {
    if (index >= ScoreboardRow::kListeners) return {};
    const ListenerName& name = memory_->listeners[index];
    return {name.address, name.length.load(std::memory_order_acquire)};
}

std::string_view Scoreboard::listener_strategy(std::size_t index) const noexcept {
    if (index >= ScoreboardRow::kListeners) return {};
    const char* strategy = memory_->listeners[index].strategy.load();
    return strategy != nullptr ? std::string_view(strategy) : std::string_view();
}

}  // namespace berth

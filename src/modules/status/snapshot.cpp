// Copying the scoreboard.
#include "modules/status/snapshot.hpp"

#include <algorithm>

namespace berth::status {

namespace {

constexpr SharedCounter ListenerCounters::*kMembers[kListenerColumns] = {
    &ListenerCounters::accepted,      &ListenerCounters::handed,        &ListenerCounters::refused,
    &ListenerCounters::redistributed, &ListenerCounters::dropped,       &ListenerCounters::lost,
    &ListenerCounters::wakeups,       &ListenerCounters::empty_wakeups, &ListenerCounters::failures,
    &ListenerCounters::received,      &ListenerCounters::sent,          &ListenerCounters::open,
    &ListenerCounters::idle,          &ListenerCounters::waiting,       &ListenerCounters::descriptors};

std::uint64_t value_of(const SharedCounter& counter) { return counter.load(std::memory_order_relaxed); }

void add_rows(ListenerRow& to, const ListenerRow& from) {
    for (std::size_t i = 0; i < kListenerColumns; ++i) to[i] += from[i];
}

}  // namespace

void Counts::add(const Counts& other) {
    if (listeners.size() < other.listeners.size()) listeners.resize(other.listeners.size());
    for (std::size_t i = 0; i < other.listeners.size(); ++i) add_rows(listeners[i], other.listeners[i]);
    for (std::size_t i = 0; i < requests.size(); ++i) requests[i] += other.requests[i];
    active += other.active;
    evicted += other.evicted;
    drain_closed += other.drain_closed;
    shutdown_closed += other.shutdown_closed;
    bad_proxy_headers += other.bad_proxy_headers;
    slow_bodies += other.slow_bodies;
    unwritten_bodies += other.unwritten_bodies;
    for (std::size_t i = 0; i < proxy.size(); ++i) proxy[i] += other.proxy[i];
}

ListenerRow Counts::all_listeners() const {
    ListenerRow sum{};
    for (const ListenerRow& row : listeners) add_rows(sum, row);
    return sum;
}

// The gauges are not read at one moment: none may come out larger than the whole.
ConnectionStates::ConnectionStates(std::uint64_t all, std::uint64_t idle, std::uint64_t active) noexcept
    : open(all),
      waiting(std::min(idle, all)),
      writing(std::min(active, all - waiting)),
      reading(all - waiting - writing) {}

ConnectionStates::ConnectionStates(const Counts& of_workers) noexcept
    : ConnectionStates(of_workers.all_listeners()[kOpen], of_workers.all_listeners()[kIdle],
                       of_workers.active) {}

ConnectionStates::ConnectionStates(Scoreboard& board) noexcept : ConnectionStates(0, 0, 0) {
    std::uint64_t all = 0;
    std::uint64_t idle = 0;
    std::uint64_t active = 0;
    for (std::size_t i = 0; i < Scoreboard::kRows; ++i) {
        const ScoreboardRow& row = board.rows()[i];
        if (row.state.load() == WorkerState::none || row.role.load() != ProcessRole::worker) continue;
        active += value_of(row.requests.active);
        for (const ListenerCounters& listener : row.listeners) {
            all += value_of(listener.open);
            idle += value_of(listener.idle);
        }
    }
    *this = ConnectionStates(all, idle, active);
}

Snapshot::Snapshot(Scoreboard& board) {
    board.read_consistently([&] {
        name_listeners(board);
        read(board);
    });
    started_ms = value_of(board.master().started_ms);
    deaths = value_of(board.deaths());
    respawns = value_of(board.respawns());
    missing = value_of(board.missing());
    reloads = value_of(board.reloads());
    failed_reloads = value_of(board.failed_reloads());
}

void Snapshot::name_listeners(Scoreboard& board) {
    listeners.clear();
    for (std::size_t i = 0; i < ScoreboardRow::kListeners; ++i) {
        const std::string_view address = board.listener_address(i);
        if (address.empty()) continue;
        auto known = std::ranges::find(listeners, address, &ListenerName::address);
        if (known == listeners.end()) known = listeners.insert(known, {std::string(address), {}, {}});
        known->strategy = board.listener_strategy(i);
        known->indices.push_back(i);
    }
    // Those that found no place of their own, where there are any, those that workers asked for, and what
    // closed addresses had counted.
    const auto used = [](ScoreboardRow& row) {
        const ListenerCounters& others = row.listener(ScoreboardRow::kListeners);
        return value_of(others.accepted) + value_of(others.handed) > 0;
    };
    bool others = !board.listener_address(ScoreboardRow::kListeners - 1).empty() || used(board.master());
    for (std::size_t i = 0; i < kProcessRoles; ++i)
        others = others || used(board.past(static_cast<ProcessRole>(i)));
    if (others) {
        listeners.push_back({"others", {}, {ScoreboardRow::kListeners}});
    }
}

void Snapshot::read(Scoreboard& board) {
    processes.clear();
    request_times = HistogramSum();
    if (board.master().pid.load() != 0) processes.push_back(process_of(board.master()));
    for (std::size_t i = 0; i < Scoreboard::kRows; ++i) {
        const ScoreboardRow& row = board.rows()[i];
        if (row.state.load(std::memory_order_acquire) == WorkerState::none) continue;
        processes.push_back(process_of(row));
        if (row.role == ProcessRole::worker) request_times.add(row.requests.time);
    }
    for (std::size_t i = 0; i < kProcessRoles; ++i) {
        past[i] = counts_of(board.past(static_cast<ProcessRole>(i)));
    }
    request_times.add(board.past().requests.time);
}

Counts Snapshot::counts_of(const ScoreboardRow& row) const {
    Counts counts;
    for (const ListenerName& listener : listeners) {
        ListenerRow& sum = counts.listeners.emplace_back();
        for (const std::size_t index : listener.indices) {
            for (std::size_t i = 0; i < kListenerColumns; ++i)
                sum[i] += value_of(row.listeners[index].*kMembers[i]);
        }
    }
    for (std::size_t i = 0; i < counts.requests.size(); ++i)
        counts.requests[i] = value_of(row.requests.by_class[i]);
    counts.active = value_of(row.requests.active);
    counts.evicted = value_of(row.evicted);
    counts.drain_closed = value_of(row.drain_closed);
    counts.shutdown_closed = value_of(row.shutdown_closed);
    counts.bad_proxy_headers = value_of(row.bad_proxy_headers);
    counts.slow_bodies = value_of(row.slow_bodies);
    counts.unwritten_bodies = value_of(row.unwritten_bodies);
    const ProxyCounters& proxy = row.proxy;
    counts.proxy = {value_of(proxy.retries),          value_of(proxy.retries_refused),
                    value_of(proxy.broken_answers),   value_of(proxy.client_aborts),
                    value_of(proxy.temp_file_errors), value_of(proxy.tunnels)};
    return counts;
}

Process Snapshot::process_of(const ScoreboardRow& row) const {
    Process process;
    process.role = row.role;
    process.state = row.state;
    process.pid = row.pid;
    process.slot = row.slot;
    process.id = value_of(row.id);
    process.generation = value_of(row.generation);
    process.started_ms = value_of(row.started_ms);
    process.restarts = value_of(row.restarts);
    process.used_slots = value_of(row.open);
    process.descriptors = value_of(row.usage.descriptors);
    process.voluntary_switches = value_of(row.usage.voluntary_switches);
    process.involuntary_switches = value_of(row.usage.involuntary_switches);
    process.user_us = value_of(row.usage.user_us);
    process.system_us = value_of(row.usage.system_us);
    process.resident_bytes = value_of(row.usage.resident_bytes);
    process.loop_turns = value_of(row.loop_turns);
    process.empty_turns = value_of(row.empty_turns);
    process.counts = counts_of(row);
    return process;
}

Counts Snapshot::sum(ProcessRole role) const {
    Counts all = past[static_cast<std::size_t>(role)];
    for (const Process& process : processes) {
        if (process.role == role) all.add(process.counts);
    }
    return all;
}

}  // namespace berth::status

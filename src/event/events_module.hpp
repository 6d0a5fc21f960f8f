// EventsConf: what events{} says: the poller, how many connections, and how they are accepted.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/config/directive.hpp"
#include "core/config/setting.hpp"
#include "core/net/cidr.hpp"
#include "event/accept/balance.hpp"
#include "event/accept/strategy.hpp"
#include "event/accept/worker_listen.hpp"

namespace berth {

// How workers that share a listening socket take turns. on: one of them watches, by a lease in shared memory;
// off: all are woken; exclusive: all wait, the kernel wakes one (EPOLLEXCLUSIVE, epoll_ctl(2)).
enum class AcceptMutex : std::uint8_t { off, on, exclusive };

// Global. Times in milliseconds.
struct EventsConf {
    Setting<std::string> use{""};  // empty: the best there is
    Setting<std::size_t> worker_connections{512};
    Setting<bool> multi_accept{false};
    Setting<AcceptMutex> accept_mutex{AcceptMutex::exclusive};
    Setting<std::chrono::milliseconds> accept_mutex_delay{std::chrono::milliseconds(500)};
    Setting<Strategy> accept_strategy{Strategy::shared};
    Setting<AcceptBalance> accept_balance{AcceptBalance::round_robin};
    Setting<std::chrono::milliseconds> accept_hold{std::chrono::milliseconds(10'000)};
    Setting<unsigned> handoff_window{1};
    Setting<std::size_t> handoff_queue{64};
    Setting<std::size_t> handoff_listens{64};
    Setting<WorkerListen> worker_listen;
    Setting<unsigned> front_processes{1};
    Setting<std::size_t> front_connections{0};  // clients; 0: as many as the workers have worker_connections
    Setting<std::chrono::milliseconds> front_idle_timeout{std::chrono::milliseconds(3'600'000)};
    Setting<std::vector<Cidr>> debug_connection;
};

}  // namespace berth

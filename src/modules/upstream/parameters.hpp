// Parameters: what a configuration says about a server of an upstream and about the upstream itself.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/config/tree.hpp"
#include "core/net/address.hpp"

namespace berth::upstream {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

// The parameters of `server`, plain enough to live in shared memory.
struct Parameters {
    std::uint32_t weight = 1;
    std::uint32_t max_conns = 0;  // 0: no limit
    std::uint32_t max_fails = 1;  // 0: failures are not counted
    Milliseconds fail_timeout = 10s;
    Milliseconds slow_start = 0ms;
    bool backup = false;
    bool down = false;
    bool drain = false;  // only requests that are bound to it (sticky)

    // Whether it is given requests at all, or only those that are bound to it.
    bool off() const noexcept { return down || drain; }
    bool operator==(const Parameters&) const = default;
};

// One `server` line: what it says, and the addresses its name came to (each is a peer).
struct Server {
    std::string name;  // as written: host:port, unix:PATH
    std::vector<Address> addresses;
    Parameters parameters;
    std::string route;     // of sticky route; empty: none
    bool resolve = false;  // its addresses are looked up while the server runs
    std::string host;      // for that; the name of the service records, if there is a service
    std::uint16_t port = 0;
    std::string service;      // of service=, for SRV records
    bool from_state = false;  // the line stands in the state file
    std::uint16_t default_port = 80;
    Origin at;

    // What tells it from others.
    std::string text() const { return service.empty() ? name : name + " service=" + service; }
};

// How many idle connections a worker keeps for later requests, and for how long.
struct KeepaliveOptions {
    std::size_t connections = 32;  // of one worker to all peers of the upstream; 0: none is kept
    bool local = false;            // each is used again only where it was made: in one location
    std::uint32_t requests = 1000;
    Milliseconds time = 1h;
    Milliseconds timeout = 60s;
};

// Requests that wait while every peer is at max_conns.
struct QueueOptions {
    std::size_t length = 0;  // in each worker; 0: none waits
    Milliseconds timeout = 60s;
};

// When a peer that answers, but badly, is taken out for a while (`outlier_ejection`).
struct OutlierOptions {
    std::uint32_t consecutive_errors = 0;  // failures and answers of 5xx in a row; 0: they do not matter
    std::uint32_t latency_factor = 0;      // times the median of the others' average; 0: it does not matter
    Milliseconds time = 30s;               // for the first time; n times as long for the n-th
    std::uint32_t most = 50;               // per cent of the peers that may be out because of this

    bool on() const noexcept { return consecutive_errors != 0 || latency_factor != 0; }
};

}  // namespace berth::upstream

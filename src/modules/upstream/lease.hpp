// Lease: one attempt at a peer: its place is held from the choice to the report of how it went.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/net/address.hpp"

namespace berth {
class Arena;
class Connection;
class VariableHost;
}  // namespace berth

namespace berth::upstream {

class Selection;
class UpstreamWorker;

// Why there is no peer for an attempt.
enum class Refusal : std::uint8_t {
    none,           // there is one
    no_live_peers,  // all are down, failed, unhealthy or tried already: 502
    all_busy,       // those that live are at max_conns, and there is no queue: 502
    queue_full,     // and the queue is full too: 503
    queue_timeout,  // it waited in vain: 504
    zone_full,      // the zone has no room to count one more peer (logged as an alert)
};
inline constexpr std::size_t kRefusals = 6;
// "no live upstreams" and the like, for logs.
std::string_view to_text(Refusal refusal) noexcept;

// How an attempt failed. Which of them count against the peer is passive health's matter (PeerGroup).
enum class Failure : std::uint8_t {
    none,
    connect_refused,  // the kernel says that nobody is there: ECONNREFUSED, ENOENT, EHOSTUNREACH, …
    connect_timeout,
    connect_failed,  // any other error of connect(2) that is the peer's
    reset,           // the connection broke or ended before the answer was complete
    timeout,         // it did not answer in time, or took nothing
    invalid,         // what it sent is not an answer
    status,          // the answer's status is one that proxy_next_upstream names
    stale,           // a kept connection was closed before a byte of an answer: says nothing about the peer
};
inline constexpr std::size_t kFailures = 9;
std::string_view to_text(Failure failure) noexcept;
// Which failure an errno of connect(2) or of a connection is.
Failure connect_failure(int error_number) noexcept;
// Whether such an errno is this machine's, and says nothing about the peer.
bool is_own_failure(int error_number) noexcept;

// How an attempt went. Times count from the choice; what is not known is negative.
struct Report {
    Failure failure = Failure::none;
    unsigned status = 0;  // of the answer; 0: there was none, or the protocol has none
    std::chrono::milliseconds connect_time{-1};
    std::chrono::milliseconds header_time{-1};    // until the head of the answer was complete
    std::chrono::milliseconds response_time{-1};  // until its last byte
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
};

// What a connection was used for, and must be used for again.
struct ConnectionUse {
    Address from;                 // the local address that it is bound to; unspecified: to none
    const void* place = nullptr;  // who uses it; only with `keepalive … local` does it matter
    bool varies = false;          // `from` is another one for other requests
};

// Moved, never copied. The peer counts as busy until end() or the destructor; destroying it without end()
// means that the attempt was given up for the client's sake, and says nothing about the peer. Must not
// outlive the worker.
class Lease {
 public:
    Lease() noexcept = default;
    explicit Lease(Refusal refusal) noexcept : refusal_(refusal) {}
    Lease(Lease&& other) noexcept { swap(other); }
    Lease& operator=(Lease&& other) noexcept {
        swap(other);
        return *this;
    }
    ~Lease();

    explicit operator bool() const noexcept { return worker_ != nullptr; }
    Refusal refusal() const noexcept { return refusal_; }

    // --- of a granted one
    const Address& address() const noexcept;
    // "127.0.0.1:8000", "unix:/path": $upstream_addr. It and the address are there while the lease is held;
    // when the attempt is over, only until the peers change.
    std::string_view name() const noexcept;
    // Whether the peer is still one that requests are given to: another may have found it dead meanwhile.
    bool is_live() const noexcept;
    // sticky cookie: the value of the Set-Cookie field that the answer needs; empty when the client has it.
    // In the arena.
    std::string_view cookie(Arena& arena) const;
    // sticky learn: to be called when the head of the answer is there, which `host` then computes
    // $upstream_cookie_… from.
    void learn(VariableHost& host) const;

    // A connection kept from an earlier request, taken out of the pool, with no session and no deadline; null
    // when there is none. It may still end before it answers: Failure::stale. `certain`: the kernel is asked
    // whether it is still open, which the loop may not have heard yet; for requests that cannot be repeated.
    // Only one that was kept after the same use.
    Connection* take_idle(bool certain = false, const ConnectionUse& use = {});
    // Gives a connection to the pool of this lease's peer, after a complete exchange, with nothing unread.
    // Closed instead when the pool is off or full, the connection is used up (keepalive_requests, _time) or
    // bound to a given port, the peer has failed meanwhile, or the worker drains. Its requests are
    // Connection::requests().
    void keep(Connection& connection, const ConnectionUse& use = {});

    // Gives the place back and judges the peer. Once.
    void end(const Report& report);
    void end() { end(Report{}); }

 private:
    friend class UpstreamWorker;
    friend class Selection;
    Lease(UpstreamWorker& worker, std::uint32_t peer, bool new_route) noexcept
        : worker_(&worker), peer_(peer), refusal_(Refusal::none), new_route_(new_route) {}
    void swap(Lease& other) noexcept {
        std::swap(worker_, other.worker_);
        std::swap(peer_, other.peer_);
        std::swap(refusal_, other.refusal_);
        std::swap(new_route_, other.new_route_);
    }

    UpstreamWorker* worker_ = nullptr;
    std::uint32_t peer_ = 0;  // PeerState::index
    Refusal refusal_ = Refusal::no_live_peers;
    bool new_route_ = false;  // the request was not bound to this peer
};

}  // namespace berth::upstream

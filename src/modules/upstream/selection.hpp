// Selection: the attempts of one request: which peers it has tried, and the next one.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/net/address.hpp"
#include "core/value/variables.hpp"
#include "event/async/async.hpp"
#include "event/timer.hpp"
#include "modules/upstream/lease.hpp"

namespace berth::upstream {

class UpstreamWorker;

// A set of peers by PeerState::id, which is never used again; the first few need no memory.
class PeerIds {
 public:
    bool contains(std::uint64_t id) const noexcept {
        return std::ranges::find(few_, id) != few_.end() || std::ranges::binary_search(rest_, id);
    }
    bool operator==(const PeerIds&) const = default;  // those that were inserted in another order are others
    void insert(std::uint64_t id) {
        const auto free = std::ranges::find(few_, kNone);
        if (free != few_.end()) {
            *free = id;
        } else {
            rest_.insert(std::ranges::upper_bound(rest_, id), id);
        }
    }

 private:
    static constexpr std::uint64_t kNone = 0;  // no peer has it

    std::array<std::uint64_t, 4> few_{};
    std::vector<std::uint64_t> rest_;  // sorted
};

// A member of the request that is proxied; must not outlive the worker, and its leases not the worker either.
//
//     Selection selection(*upstream.worker(), request, client);
//     Lease lease = co_await selection.acquire(request);   // each peer is given once
//     if (!lease) … lease.refusal()
class Selection {
 public:
    // `host` computes what `hash` and `sticky` ask for and must outlive this; `client` is who ip_hash looks
    // at. Both may be null where the protocol has none: keys are empty then.
    Selection(UpstreamWorker& worker, VariableHost* host, const Address* client) noexcept
        : worker_(worker), host_(host), client_(client) {}
    Selection(const Selection&) = delete;
    Selection& operator=(const Selection&) = delete;

    // The next peer, or why there is none; waits only in the queue, `longest` at most. The scope is the
    // request. Refusals are counted here; the caller, who knows the request, writes the log line.
    Async<Lease> acquire(Scope& scope, Duration longest = Duration::max());
    // The same without a queue.
    Lease try_acquire();
    // Whether there is one to be had now; it is not taken.
    bool has_other();

    // How many peers there are to try for one request, backups included: proxy_next_upstream_tries 0.
    std::size_t peers() const noexcept;
    UpstreamWorker& worker() const noexcept { return worker_; }

    // --- for balancers, which may note here what they computed of the request
    VariableHost* host() const noexcept { return host_; }
    const Address* client() const noexcept { return client_; }
    const PeerIds& tried() const noexcept { return tried_; }
    // Where the ring or the hash of this request stands, kept over its attempts.
    struct HashState {
        std::uint32_t hash = 0;
        std::uint32_t rehash = 0;
        std::uint32_t tries = 0;
        std::string_view key;  // lives as long as the host's arena
    };
    HashState& hash_state() noexcept { return hash_; }
    // sticky: the route of the peer that the request is bound to; empty: none.
    std::string_view route() const noexcept { return route_; }
    void bind(std::string_view route) noexcept { route_ = route; }
    // Whether both have tried the same peers and are bound alike: then either finds a peer or none does.
    bool may_go_where(const Selection& other) const noexcept {
        return tried_ == other.tried_ && route_ == other.route_;
    }

 private:
    void begin();
    Lease choose();
    Lease refused(Refusal why);
    Async<Lease> wait(Scope& scope, Duration longest);

    UpstreamWorker& worker_;
    VariableHost* host_;
    const Address* client_;
    PeerIds tried_;
    HashState hash_;
    HashState first_hash_;  // as the balancer began it
    std::string_view route_;
    bool begun_ = false;
    bool given_ = false;  // it was given a peer before: having no other is no refusal
};

}  // namespace berth::upstream

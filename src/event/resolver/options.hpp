// ResolverOptions: whom a Resolver asks, how long it believes the answers, and its limits.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/net/address.hpp"
#include "event/resolver/answer.hpp"

namespace berth {

struct ResolverOptions {
    // Asked in turn. Empty: those of /etc/resolv.conf, with its search domains, and /etc/hosts before them.
    std::vector<Address> servers;
    std::chrono::milliseconds valid{0};        // how long an answer holds; 0: as long as it says itself
    std::chrono::milliseconds stale{3600000};  // how long an old answer is good enough while DNS fails
    // Without `valid` an answer holds no shorter and no longer than this, whatever its TTL is; a failure
    // holds for a moment.
    std::chrono::milliseconds shortest{1000};
    std::chrono::milliseconds longest{300000};
    std::chrono::milliseconds failure{2000};
    std::chrono::milliseconds patience{1500};  // how long a server has before the next is asked
    bool ipv4 = true;
    bool ipv6 = true;
    std::size_t addresses = 64;  // of one name; the rest is dropped
    std::size_t names = 1024;    // remembered; the one not asked for longest is forgotten
};

// What became of lookups: in shared memory, added to by all workers.
struct ResolverCounters {
    std::atomic<std::uint64_t> asked = 0;         // lookups somebody wanted
    std::atomic<std::uint64_t> cached = 0;        // of those: answered from memory
    std::atomic<std::uint64_t> joined = 0;        // of those: waited for one under way already
    std::atomic<std::uint64_t> dropped = 0;       // records beyond the limit, or without sense
    std::atomic<std::uint64_t> last_success = 0;  // monotonic_ms(); 0: never
    std::array<std::atomic<std::uint64_t>, kDnsResults> results{};  // answers of the network, by DnsResult
};

}  // namespace berth

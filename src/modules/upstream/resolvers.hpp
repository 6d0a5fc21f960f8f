// The resolvers of a configuration: what `resolver` says, and who it is in a worker.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/loader.hpp"
#include "core/memory/zone.hpp"
#include "event/resolver/resolver.hpp"
#include "modules/upstream/parameters.hpp"

namespace berth {
class Cycle;
class StatusWriter;
class Worker;
}  // namespace berth

namespace berth::upstream {

inline constexpr Milliseconds kResolverTimeout = 30s;

// For the rows, wherever they stand.
inline constexpr std::string_view kResolverUsage =
    "ADDRESS[:PORT]… | system [valid=TIME] [min_valid=TIME] [max_valid=TIME] [ipv4=on|off] [ipv6=on|off] "
    "[status_zone=NAME] [stale=TIME] [failure=TIME] [timeout=TIME] [addresses=N] [names=N]";
inline constexpr std::string_view kResolverHelp =
    "Who is asked for names while the server runs: DNS servers, in turn, or those of /etc/resolv.conf (and "
    "/etc/hosts) with the word system. Answers hold as long as their TTL says, from min_valid (1s) to "
    "max_valid (5m), or for valid; failures for failure (2s). Old answers are used for stale (1h) while DNS "
    "fails. A server that does not answer within timeout (1500ms) makes the next one be asked. No more "
    "addresses of a name (64) and no more names (1024) are kept than that.";
inline constexpr std::string_view kResolverTimeoutHelp = "How long a request waits for a name.";

// One `resolver`, however often it is written so.
struct ResolverConf {
    std::string text;  // its words
    std::string zone;  // whose counters it adds to: status_zone, or the text
    ResolverOptions options;
    ResolverCounters* counters = nullptr;  // after prepare()
};

// Once in a configuration.
class Resolvers {
 public:
    // What the directive says; null after an error, which is reported. The names of DNS servers are resolved
    // now.
    const ResolverConf* read(Loader& loader, const Node& node);

    // In the master, before workers start: the counters, which stay over reloads.
    Result<void> prepare();
    void write_status(StatusWriter& out, std::uint64_t now) const;

    const std::vector<std::unique_ptr<ResolverConf>>& all() const noexcept { return all_; }

 private:
    std::vector<std::unique_ptr<ResolverConf>> all_;
    std::vector<std::shared_ptr<Zone>> zones_;
};

// In each worker: one Resolver for each. stop after everything that may wait for one.
Result<void> start_resolvers(Worker& worker);
void stop_resolvers(Worker& worker);
// Between the two, on the worker's loop; else null.
Resolver* find_resolver(const Cycle& cycle, const ResolverConf& conf) noexcept;

}  // namespace berth::upstream

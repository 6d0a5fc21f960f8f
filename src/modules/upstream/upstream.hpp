// Upstream: a named group of servers: what the configuration says of it, and where its peers are.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/memory/zone.hpp"
#include "core/result.hpp"
#include "modules/upstream/balancer.hpp"
#include "modules/upstream/parameters.hpp"
#include "modules/upstream/sticky.hpp"

namespace berth {
class ConnectionPool;
class Log;
class Worker;
}  // namespace berth

namespace berth::upstream {

class NameWatch;
class PeerGroup;
struct ResolverConf;
class UpstreamWorker;
struct Owner;

// Belongs to a cycle. Knows no protocol. Filled while the configuration is loaded; prepare() then finds or
// makes the peers in shared memory; in each worker start() gives it the worker's half.
class Upstream {
 public:
    explicit Upstream(std::string name);
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;
    ~Upstream();

    const std::string& name() const noexcept { return name_; }

    // --- the configuration
    std::vector<Server> servers;
    KeepaliveOptions keepalive;
    QueueOptions queue;
    OutlierOptions outliers;
    BalancerChoice balancer;                 // round robin when none is named
    std::unique_ptr<Sticky> sticky;          // null: none
    const ResolverConf* resolver = nullptr;  // who servers with `resolve` are asked of; null: nobody
    Milliseconds resolver_timeout{0};        // 0: not said yet
    std::string zone_name;                   // empty: one is made for this upstream alone
    std::size_t zone_size = 0;               // no less than it has to be
    std::string state_path;                  // absolute; empty: what commands change is not kept
    ConfigTree state;                        // what stood in that file
    bool implicit = false;                   // of `proxy_pass http://host`, without an upstream{}
    Origin at;

    // Finds the peers of this generation in the zone (of an earlier generation, if there is one), by address.
    // In the master, before workers start; what earlier generations see is left as it is.
    Result<void> prepare(std::string_view protocol, std::uint64_t generation);
    // What its peers take in a zone.
    std::size_t zone_needed() const noexcept;
    // The peers, after prepare().
    PeerGroup& group() const noexcept { return *group_; }

    // In each worker. `worker` outlives stop().
    Result<void> start(Worker& worker);
    Result<void> start(ConnectionPool& connections, const Owner& owner, Log* log, const Worker* worker);
    void stop() noexcept;
    // Between start() and stop().
    UpstreamWorker& worker() const noexcept { return *worker_; }
    // Who looks up the names of its servers; null when they have none.
    NameWatch* names() const noexcept { return names_.get(); }
    std::unique_ptr<Balancer> make_balancer() const;

 private:
    std::string name_;
    std::unique_ptr<PeerGroup> group_;
    std::unique_ptr<UpstreamWorker> worker_;
    std::unique_ptr<NameWatch> names_;
};

}  // namespace berth::upstream

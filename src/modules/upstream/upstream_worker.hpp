// UpstreamWorker: one worker's half of an upstream: its balancer, its kept connections, its queue.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "event/connection_pool.hpp"
#include "modules/upstream/balancer.hpp"
#include "modules/upstream/health.hpp"
#include "modules/upstream/kept_connections.hpp"
#include "modules/upstream/lease.hpp"
#include "modules/upstream/peer_group.hpp"
#include "modules/upstream/retry_budget.hpp"
#include "modules/upstream/selection.hpp"
#include "modules/upstream/wait_queue.hpp"

namespace berth {
class Worker;
}

namespace berth::upstream {

class Upstream;

// Made by Upstream::start(), gone with Upstream::stop(). Everything runs on the worker's loop.
class UpstreamWorker {
 public:
    // `connections` is what outgoing connections are made with; `log` and `worker` may be null. All outlive
    // this.
    static Result<std::unique_ptr<UpstreamWorker>> create(const Upstream& upstream,
                                                          ConnectionPool& connections, Owner owner, Log* log,
                                                          const Worker* worker = nullptr);
    UpstreamWorker(const UpstreamWorker&) = delete;
    UpstreamWorker& operator=(const UpstreamWorker&) = delete;
    // Closes the kept connections. No lease and no selection may be left.
    ~UpstreamWorker();

    const Upstream& upstream() const noexcept { return upstream_; }
    PeerGroup& group() const noexcept { return group_; }
    ConnectionPool& connections() const noexcept { return connections_; }
    EventLoop& loop() const noexcept { return connections_.loop(); }
    Log* log() const noexcept { return log_; }
    std::uint64_t now() const noexcept;  // milliseconds, as monotonic_ms()
    std::size_t kept() const noexcept { return kept_.size(); }
    RetryBudget& retries() noexcept { return retries_; }

 private:
    friend class Lease;
    friend class Selection;
    friend class WaitQueue;

    // What this worker has of a peer, by PeerState::index.
    struct LocalPeer {
        std::uint64_t id = 0;
        PeerState* state = nullptr;
        std::uint32_t epoch = 0;
        std::size_t position = 0;  // where it was last in the roster
        Address address;
        std::string name;
        std::string route;
        KeptConnection::PeerList kept;
    };

    UpstreamWorker(const Upstream& upstream, ConnectionPool& connections, Column& column, Log* log,
                   const Worker* worker);

    // For Selection.
    void begin(Selection& selection);
    WaitQueue& queue() noexcept { return queue_; }
    Lease choose(Selection& selection);
    bool has_other(Selection& selection);
    Member* choose_member(Candidates& candidates);
    static Member* bound_member(Candidates& candidates);
    static Member* quick_recovery(Candidates& candidates);
    static bool has_usable(Candidates& candidates);
    LocalPeer& local(const Member& member);
    std::size_t peers_to_try() const noexcept;
    void count_refusal(Refusal why);
    void count_queued();

    // For WaitQueue, under the lock.
    void bury_dead();
    bool must_wait(Selection& selection) const;

    // For Lease.
    LocalPeer& local(std::uint32_t index) const noexcept { return *peers_[index]; }
    bool is_live(std::uint32_t index) const noexcept;
    Connection* take_idle(std::uint32_t index, bool certain, const ConnectionUse& use);
    void keep(std::uint32_t index, Connection& connection, const ConnectionUse& use);
    void end(std::uint32_t index, const Report* report);

    void on_look();
    void log_change(Change change, const LocalPeer& peer, std::string_view reason);

    const Upstream& upstream_;
    PeerGroup& group_;
    ConnectionPool& connections_;
    Column& column_;
    Log* log_;
    const Worker* worker_;
    std::unique_ptr<Balancer> balancer_;
    std::vector<std::unique_ptr<LocalPeer>> peers_;
    KeptConnections kept_;
    WaitQueue queue_;
    Timer look_;  // while connections are kept: whether their peers are still wanted
    std::uint64_t buried_at_ = 0;
    RetryBudget retries_;
};

}  // namespace berth::upstream

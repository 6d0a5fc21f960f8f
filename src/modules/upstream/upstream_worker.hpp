// UpstreamWorker: one worker's half of an upstream: its kept connections, its queue, and what it holds.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "event/async/awaiters.hpp"
#include "event/connection_pool.hpp"
#include "modules/upstream/lease.hpp"
#include "modules/upstream/peer_group.hpp"
#include "modules/upstream/selection.hpp"

namespace berth::upstream {

class Upstream;

// Made by Upstream::start(), gone with Upstream::stop(). Everything runs on the worker's loop.
class UpstreamWorker {
 public:
    // `connections` is what outgoing connections are made with; `log` may be null. All outlive this.
    static Result<std::unique_ptr<UpstreamWorker>> create(const Upstream& upstream,
                                                          ConnectionPool& connections, Owner owner, Log* log);
    UpstreamWorker(const UpstreamWorker&) = delete;
    UpstreamWorker& operator=(const UpstreamWorker&) = delete;
    // Closes the kept connections. No lease may be left.
    ~UpstreamWorker();

    const Upstream& upstream() const noexcept { return upstream_; }
    ConnectionPool& connections() const noexcept { return connections_; }
    EventLoop& loop() const noexcept { return connections_.loop(); }
    Log* log() const noexcept { return log_; }

    // No connection is kept from now on, and those that are get closed: the worker drains.
    void drain() noexcept;

 private:
    friend class Lease;
    friend class Selection;

    UpstreamWorker(const Upstream& upstream, ConnectionPool& connections, Log* log);

    const Upstream& upstream_;
    ConnectionPool& connections_;
    Log* log_;
    Column* column_ = nullptr;
};

}  // namespace berth::upstream

// PeerGroup: the peers of one upstream in shared memory, as one generation sees them; passive health.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/log/log.hpp"
#include "core/memory/zone.hpp"
#include "core/result.hpp"
#include "modules/upstream/parameters.hpp"
#include "modules/upstream/roster.hpp"

namespace berth::upstream {

// Who counts in a column. It lives as long as `*cell` says `id`: the id in a scoreboard row, which the master
// clears when the worker is gone, however it went.
struct Owner {
    const std::atomic<std::uint64_t>* cell = nullptr;
    std::uint64_t id = 0;

    bool alive() const noexcept { return cell->load(std::memory_order_relaxed) == id; }
};

// What one worker holds, by PeerState::index. Requests under way are counted here and in PeerState under one
// lock; when the owner is found dead, what it held is taken off the totals.
struct Column {
    struct Held {
        std::uint32_t active = 0;
        std::uint32_t idle = 0;
    };
    Column* next = nullptr;
    Owner owner;
    Roster* roster = nullptr;
    std::uint32_t capacity = 0;
    std::uint32_t waiting = 0;  // requests in the worker's queue
    Held* held = nullptr;
};

// What the upstream's name leads to in its zone.
struct SharedGroup {
    SharedGroup* next = nullptr;
    std::string_view name;  // "http/node"
    PeerState* peers = nullptr;
    Roster* rosters = nullptr;  // the newest first
    Column* columns = nullptr;
    std::uint64_t last_version = 0;
    // Requests that got no peer, by Refusal.
    std::array<std::uint64_t, 6> refused{};
    std::uint64_t queued = 0;
    std::uint64_t lost_columns = 0;  // of workers that died with requests under way
    std::uint64_t lost_requests = 0;
};

// What somebody who looks at a peer sees: a copy.
struct PeerView {
    std::string name;
    std::string server;
    std::string route;
    Parameters parameters;
    Condition condition = Condition::up;
    std::string reason;
    std::uint64_t since = 0;             // monotonic_ms(); 0: since it was configured
    std::uint32_t effective_weight = 0;  // in hundredths: with failures and slow_start
    PeerState state;                     // figures; pointers in it mean nothing
};

class PeerGroup {
 public:
    // Zones by name, found again as long as somebody holds them, so that generations share. A zone of another
    // size than before is a new one. For the process that loads configurations; thread-safe.
    static Result<std::shared_ptr<Zone>> open_zone(const std::string& name, std::size_t size);
    // What a zone for so many peers takes, with room for reloads and workers.
    static std::size_t size_for(std::size_t peers) noexcept;

    // The peers of these servers in the zone: those that are there already keep their state. `log` of later
    // calls is given to them.
    static Result<std::unique_ptr<PeerGroup>> create(std::shared_ptr<Zone> zone, std::string_view name,
                                                     std::uint64_t generation,
                                                     std::span<const Server> servers);
    PeerGroup(const PeerGroup&) = delete;
    PeerGroup& operator=(const PeerGroup&) = delete;
    // Lets the roster go; its memory is freed when no living worker uses it any more.
    ~PeerGroup();

    SharedLock::Guard lock() noexcept;

    // --- under the lock
    Roster& roster() const noexcept { return *roster_; }
    SharedGroup& shared() const noexcept { return *shared_; }
    Member* find(std::string_view name) const noexcept;
    // nginx's special case: an only peer is never taken out.
    bool single() const noexcept { return roster_->count == 1; }

    // --- workers
    // A column for this worker, and an end to those of dead ones.
    Result<Column*> attach(const Owner& owner);
    void detach(Column* column) noexcept;
    // Under the lock: takes what dead workers held off the totals. True when there was any.
    bool bury_dead() noexcept;
    // Under the lock: room for this peer in the column. False when the zone is full.
    bool make_room(Column& column, std::uint32_t index) noexcept;

    // --- health, under the lock; what changed is written to the log after it
    void succeeded(PeerState& peer, std::uint64_t now, Log* log);
    void failed(Member& member, Failure failure, std::uint64_t now, Log* log);
    // Active checks and outlier detection: takes the peer out, or lets it come back.
    void set_health(PeerState& peer, Health health, std::string_view reason, std::uint64_t now, Log* log);

    // --- while the server runs: in the roster of this generation, seen by all its workers at once
    // The addresses that a server's name has now. Those that stay keep everything; those that are gone get no
    // new requests.
    Result<void> set_addresses(std::uint32_t server, std::span<const Address> addresses);
    Result<void> add_peer(const Address& address, const Parameters& parameters, Log* log);
    Result<void> remove_peer(std::string_view name, Log* log);
    Result<void> change_peer(std::string_view name, const Parameters& parameters, std::uint64_t now,
                             Log* log);

    // --- for who looks
    std::vector<PeerView> view(std::uint64_t now);

 private:
    PeerGroup(std::shared_ptr<Zone> zone, SharedGroup& shared) : zone_(std::move(zone)), shared_(&shared) {}

    std::shared_ptr<Zone> zone_;
    SharedGroup* shared_;
    Roster* roster_ = nullptr;
    std::vector<Server> servers_;
};

}  // namespace berth::upstream

// PeerGroup: the peers of one upstream in shared memory, as one generation sees them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/memory/zone.hpp"
#include "core/result.hpp"
#include "modules/upstream/health.hpp"
#include "modules/upstream/parameters.hpp"
#include "modules/upstream/roster.hpp"

namespace berth::upstream {

// What one worker holds of each peer, by PeerState::index. `active` is counted here and in the PeerState
// under one lock: when the owner is found dead, what it held is taken off the total. The rest is the owner's
// own.
struct Column {
    struct Held {
        std::uint32_t active = 0;
        std::atomic<std::uint32_t> idle = 0;  // kept connections
    };
    Column* next = nullptr;
    Owner owner;
    Roster* roster = nullptr;
    std::atomic<std::uint32_t> waiting = 0;  // requests in its queue
    std::uint32_t capacity = 0;
    Held* held = nullptr;
};

// What the upstream's name leads to in its zone.
struct SharedGroup {
    SharedGroup* next = nullptr;
    std::string_view name;  // "http/node"
    PeerState* peers = nullptr;
    Roster* rosters = nullptr;  // the newest first
    Column* columns = nullptr;
    std::uint64_t last_id = 0;  // of peers and versions
    std::array<std::uint64_t, kRefusals> refused{};
    std::uint64_t queued = 0;         // requests that had to wait
    std::uint64_t lost_workers = 0;   // that ended with requests under way
    std::uint64_t lost_requests = 0;  // of those
    std::uint64_t changes = 0;        // commands that changed peers
    std::uint64_t unsaved = 0;        // commands refused because the state file could not be written
    bool mandatory_checks = false;    // new peers get no request before a check passed
    // Who sends active checks: until `checks_until`, if it lives so long.
    Owner checker;
    std::uint64_t checker_generation = 0;
    std::uint64_t checks_until = 0;
    std::uint64_t checks_begun = 0;  // the generation that begin_checks() was called for last
};

// What somebody who looks at a peer sees: a copy, taken under the lock.
struct PeerView {
    std::string name;
    std::string server;
    std::string route;
    std::string reason;
    std::uint32_t line = 0;  // which server line; Member::kAdded: none
    Parameters parameters;
    Condition condition = Condition::up;
    std::int64_t effective_weight = 0;  // in hundredths: with what failures and slow_start leave
    std::uint32_t active = 0;
    std::uint32_t idle = 0;
    std::uint32_t fails = 0;
    Health health = Health::unknown;
    CheckRecord checks;
    std::uint64_t since = 0;  // monotonic_ms(); 0: since it was configured
    std::uint64_t downtime = 0;
    std::uint64_t requests = 0;
    std::array<std::uint64_t, 6> responses{};
    std::array<std::uint64_t, kFailures> failures{};
    std::uint64_t abandoned = 0;
    std::uint64_t unavailable = 0;
    std::uint64_t unasked = 0;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    std::uint64_t header_time = 0;              // microseconds
    std::uint64_t response_time = 0;            // microseconds
    std::shared_ptr<const HistogramSum> times;  // null: none
};

// What the group as a whole counted.
struct GroupTotals {
    std::array<std::uint64_t, kRefusals> refused{};  // requests that got no peer, by Refusal
    std::uint64_t queued = 0;
    std::uint64_t lost_requests = 0;
    std::uint64_t lost_workers = 0;
    std::uint64_t changes = 0;
    std::uint64_t unsaved = 0;
    std::uint32_t waiting = 0;  // in queues now
    std::uint32_t workers = 0;
};

// A peer that active checks are sent to.
struct CheckedPeer {
    std::string name;
    Address address;
};

// One of the addresses that a name has.
struct FoundPeer {
    explicit(false) FoundPeer(Address at, std::uint32_t its_weight = 0, bool is_backup = false)
        : address(std::move(at)), weight(its_weight), backup(is_backup) {}

    Address address;
    std::uint32_t weight;  // of a service record; 0: what the server line says
    bool backup;           // besides what the server line says
};

// How looking up a name went.
struct LookupRecord {
    std::string_view complaint;  // empty: well
    bool absent = false;         // there is no such name
    std::uint64_t due = 0;       // when it is to be looked up again
};

// What somebody who looks at a name sees.
struct NameView {
    std::string name;
    std::size_t addresses = 0;
    NameState state;  // without its name
};

// What becomes of a peer's active checks when a configuration is new.
struct CheckRules {
    bool on = false;
    bool mandatory = false;   // no requests before it has passed
    bool persistent = false;  // what an earlier generation's checks said still holds
    std::uint32_t fails = 1;
    std::uint32_t passes = 1;
};

class PeerGroup {
 public:
    // What a zone takes for so many peers, with room for reloads and workers.
    static std::size_t zone_size(std::size_t peers) noexcept;

    // The peers of these servers in the zone: those that are there already, from an earlier generation, keep
    // their state. What earlier generations see is left as it is.
    static Result<std::unique_ptr<PeerGroup>> create(std::shared_ptr<Zone> zone, std::string_view name,
                                                     std::uint64_t generation,
                                                     std::span<const Server> servers);
    PeerGroup(const PeerGroup&) = delete;
    PeerGroup& operator=(const PeerGroup&) = delete;
    // The roster is freed as soon as no living worker uses it.
    ~PeerGroup();

    // Held while anything shared is read or written, and briefly. When its last holder died, the totals have
    // been made anew from the columns.
    class [[nodiscard]] Lock {
     public:
        explicit Lock(PeerGroup& group) noexcept;

     private:
        SharedLock::Guard guard_;
    };
    Lock lock() noexcept { return Lock(*this); }

    // --- under the lock
    Roster& roster() const noexcept { return *roster_; }
    SharedGroup& shared() const noexcept { return *shared_; }
    // The member of a peer; `hint` is where it was last. Null when it was removed.
    Member* find(const PeerState& peer, std::size_t hint) const noexcept;

    // --- workers
    // A column for this worker; ends those of dead ones.
    Result<Column*> attach(const Owner& owner);
    void detach(Column& column) noexcept;
    // Under the lock.
    bool take_place(Column& column, PeerState& peer) noexcept;  // false: the zone has no room to count it
    void give_place(Column& column, PeerState& peer) noexcept;
    // Under the lock: what dead workers held is free again. True when there was any.
    bool bury_dead() noexcept;

    // --- while the server runs; in this generation's roster, seen by all its workers from their next choice
    // on
    // The addresses that the name of a server line has now. Those that stay keep everything; those that are
    // gone get no more requests.
    Result<void> set_addresses(std::uint32_t server, std::span<const FoundPeer> found, std::uint64_t now);
    // It begins afresh, whatever was known of this address; an empty route: of its name.
    Result<void> add_peer(const Address& address, const Parameters& parameters, std::uint64_t now,
                          std::string_view route = {});
    // An address that stands in several server lines is one peer with as many members: these are for all of
    // them. Requests under way end, kept connections are closed. Also earlier generations give it no more
    // requests.
    Result<void> remove_peer(std::string_view name);
    // Weight, limits, down, drain: everything but `backup` may differ from before. What earlier generations
    // give it changes, too. One that was off and is no more begins afresh. `parameters` (at least one) are
    // those of its members, in their order; those of the last are for all that follow.
    Result<void> change_peer(std::string_view name, std::span<const Parameters> parameters,
                             std::uint64_t now);
    // Neither down nor draining, and without the failures and the ejection it has had. What active checks say
    // of it still holds.
    Result<void> restore_peer(std::string_view name, std::uint64_t now);
    // Frees what nobody uses any more: after kept connections were closed.
    void forget_unused() noexcept;
    // Which state of the roster this is: no two have the same.
    std::uint64_t version();
    // A command that changed peers; or one that was refused because nothing could be written.
    void count_command(bool saved);
    // Of active checks and outlier detection; see set_health(). False: nothing new.
    bool report_health(std::string_view name, Health health, std::string_view reason, std::uint64_t now,
                       std::uint64_t until = 0);

    // --- active checks: one worker of all sends them
    enum class Claim : std::uint8_t { refused, held, taken };
    // Whether `who` is to send them until `until`; to be renewed before. Whoever had this loses it by dying,
    // by being late, and to a younger generation; for good when that one has begun.
    Claim claim_checks(const Owner& who, std::uint64_t generation, std::uint64_t now, std::uint64_t until);
    // By each worker when its generation is in force (never of one that was rejected); the first of the
    // youngest generation has an effect: nobody of an earlier one is believed any more. Without checks, what
    // those said of the peers is forgotten.
    void begin_checks(std::uint64_t generation, const CheckRules& rules, std::uint64_t now);
    // How a check went; an empty complaint: it passed. Nothing happens when `who` is not to check any more.
    Change record_check(const Owner& who, std::string_view name, std::string_view complaint,
                        const CheckRules& rules, std::uint64_t now);
    // Those that may be given requests: all that are not down.
    std::vector<CheckedPeer> checked_peers();

    // --- names: one worker of this generation looks them up
    // Whether `who` is to do so until `until`; to be renewed before.
    bool claim_names(const Owner& who, std::uint64_t now, std::uint64_t until);
    // When the name of a server line is to be looked up: 0 is at once.
    std::uint64_t name_due(std::uint32_t server);
    std::uint32_t absences(std::uint32_t server);  // how often in a row there was no such name
    std::vector<Address> addresses_of(std::uint32_t server);
    // Returns what was known before.
    NameState record_lookup(std::uint32_t server, const LookupRecord& record, std::uint64_t now);
    // There is a peer, or every name has been looked up.
    bool names_settled();
    std::vector<NameView> names();

    // --- for who looks: any process that has the configuration
    std::vector<PeerView> view(std::uint64_t now);
    GroupTotals totals();

 private:
    PeerGroup(std::shared_ptr<Zone> zone, SharedGroup& shared, Roster& roster) noexcept
        : zone_(std::move(zone)), shared_(&shared), roster_(&roster) {}

    static SharedGroup* find_or_make_group(Zone& zone, std::string_view name);
    PeerState* find_or_make_peer(const Address& address);
    bool append(const Address& address, const Server& server, std::uint32_t line, std::uint64_t now);
    // Whether more may be added while it runs: the rest of the zone is for workers that are replaced, and for
    // the next configuration's roster.
    bool has_room() const noexcept;
    bool append_missing(std::uint32_t server, std::span<const FoundPeer> found, std::uint64_t now);
    bool fill();
    bool make_names();
    void inherit_name(std::uint32_t line);
    void free_names(Roster& roster) noexcept;
    void erase(std::size_t position) noexcept;
    void free_member(Member& member) noexcept;
    static void begin_afresh(Member& member, std::uint64_t now) noexcept;
    template <class Edit>
    void edit_older(const PeerState& peer, Edit edit) noexcept;
    bool grow(Column& column, std::uint32_t index) noexcept;
    void end_column(Column& column) noexcept;
    void sweep() noexcept;
    void sweep_peers() noexcept;
    bool in_use(const Roster& roster) const noexcept;
    bool kept(const PeerState& peer) const noexcept;
    void recount() noexcept;
    std::uint32_t idle_of(const PeerState& peer) const noexcept;
    Member* named(std::string_view name) const noexcept;  // the first
    void change_member(Member& member, const Parameters& parameters, bool in_use, std::uint64_t now) noexcept;
    Error full() const;

    std::shared_ptr<Zone> zone_;
    SharedGroup* shared_;
    Roster* roster_;
    std::vector<Server> servers_;
};

}  // namespace berth::upstream

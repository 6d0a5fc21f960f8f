// ListenerSet: the listening sockets of the server, from configuration to configuration and from binary to
// binary.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/result.hpp"
#include "event/listener.hpp"
#include "event/listening.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

class Scoreboard;
struct ListenerCounters;

// Owned by the master; a worker finds the same sockets in its copy.
class ListenerSet {
 public:
    struct SlotSocket {
        unsigned slot = 0;
        std::uint32_t door = 0;  // of `privates`: a number that no other has
        std::unique_ptr<Listener> listener;
    };

    // One address that is served.
    struct Item {
        Address address;                       // as it was asked for
        Strategy strategy = Strategy::shared;  // of the configuration in force
        std::unique_ptr<Listener> listener;    // where clients come
        std::size_t index = 0;                 // its place in a worker's counters
        // reuseport: the sockets of all slots but the first, whose is `listener`. The kernel gives each its
        // share of the connections, and resets what waits in one that is closed: so they are kept as long as
        // the address is served, also when there are fewer workers, or another strategy.
        std::vector<SlotSocket> group{};
        // proxy: the workers' own addresses (Entry::private_address), also those of configurations before
        // this one that fronts still know.
        std::vector<SlotSocket> privates{};

        // The socket of that slot under reuseport; null when there is none.
        Listener* group_socket(unsigned slot) const noexcept;
        Listener* private_socket(const Address& at) const noexcept;
        // All that clients come to: `listener` first.
        std::vector<Listener*> sockets() const;
        // For all of them and the workers' own: Listener::count_in().
        void count_in(ListenerCounters* counters) noexcept;
    };

    // Takes over sockets that another binary listens on: "3;4;5", as inheritance() wrote it. What is not a
    // listening socket is left alone and reported. Of several at one address the first has slot 0.
    Result<void> inherit(std::string_view descriptors);
    // The same for the next binary. The descriptors are made inheritable in the child, with keep_over_exec().
    std::string inheritance() const;
    void keep_over_exec() const;

    // Binds what `wanted` asks for and nobody listens on yet, for workers in slots 0 … slots-1. When it
    // fails, sockets that listen already are not touched, new addresses are closed again, and what was bound
    // for slots is closed by retire() with the configuration that stays.
    Result<void> prepare(const Listening& wanted, unsigned slots = 0);
    // Sees to the sockets that the worker in `slot` has for itself, before it is started. Those of reuseport
    // only take their address: connections come once listen_slot() was called.
    Result<void> provide(const Listening& wanted, unsigned slot);
    // `wanted` is in force: its strategies are.
    void serve(const Listening& wanted);
    // The worker in `slot` begins to accept, under the strategies in force.
    Result<void> listen_slot(unsigned slot);
    // Once `wanted` is in force: gives the sockets that stay its options. What the system refuses does not
    // keep the others from being changed; the last such error is returned.
    Result<void> apply_options(const Listening& wanted);
    // Closes all that is not in `wanted`. Connections may still name a closed Listener: they are kept until
    // forget(). With `keep_paths` unix sockets keep their paths: another binary serves them, too. With
    // `keep_doors` the workers' own addresses stay as well: fronts of other configurations may still come.
    void retire(const Listening& wanted, bool keep_paths = false, bool keep_doors = false);
    void forget() { retired_.clear(); }
    // No process is left that knows a closed address: when all indices are taken, other addresses may have
    // theirs. Until then it finds its own again when it comes back.
    void reuse_indices() noexcept;

    // Tells the scoreboard which index is which address, and how it is shared. `strategy`: in fact, whatever
    // was asked for.
    void name_in(Scoreboard& scoreboard, std::optional<Strategy> strategy = std::nullopt) const;

    // Null when nothing listens there.
    Item* find(const Address& address) noexcept;
    const std::vector<Item>& items() const noexcept { return items_; }
    std::vector<Item>& items() noexcept { return items_; }

    // In a worker or front: closes what it has no use for: addresses that `wanted` does not serve, other
    // slots' sockets, and what only the other role listens on.
    void keep_own(const Listening& wanted, unsigned slot, ProcessRole role = ProcessRole::worker);
    // Closes every socket here, in a worker that accepts no more.
    void close();
    // Deletes the paths of unix sockets: when the last owner ends. Those of inherited sockets only when told.
    void remove_unix_paths(bool inherited_too) const noexcept;

 private:
    struct Inherited {
        Address address;
        FileDescriptor fd;
    };

    Result<void> open(const Listening::Entry& entry);
    Result<bool> take_inherited(Listener& listener);
    Result<void> provide_group(Item& item, const Listening::Entry& entry, unsigned slot);
    Result<void> provide_private(Item& item, const Listening::Entry& entry, unsigned slot);
    std::vector<Listener*> all() const;
    void undo(std::size_t first_new);
    void index_items();
    std::size_t take_index(const Address& address);
    void close_index(const Item& item, bool free);
    void give_back(Listener& listener);
    void retire_item(Item& item, bool keep_paths);
    void retire_group(Item& item, const Listening::Entry& entry);
    void retire_doors(Item& item, const Listening::Entry& entry, bool keep_paths);

    std::vector<Item> items_;
    std::unordered_map<Address, std::size_t> by_address_;  // where in items_
    std::vector<std::unique_ptr<Listener>> retired_;
    std::vector<Inherited> inherited_;
    std::size_t next_index_ = 0;
    struct ClosedIndex {
        Address address;
        std::size_t index = 0;
        bool free = false;  // no process counts there
    };
    std::vector<ClosedIndex> closed_;  // the longest closed first
    std::uint32_t last_door_ = 0;
};

}  // namespace berth

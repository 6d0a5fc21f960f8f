// ListenerSet: the listening sockets of the server, from configuration to configuration and from binary to
// binary.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "event/listener.hpp"
#include "event/listening.hpp"

namespace berth {

// Owned by the master; a worker finds the same sockets in its copy.
class ListenerSet {
 public:
    struct Item {
        Address address;  // as it was asked for
        Strategy strategy = Strategy::shared;
        std::unique_ptr<Listener> listener;
        std::size_t index = 0;  // its place in a worker's counters; never used again by another address
    };

    // Takes over sockets that another binary listens on: "3;4;5", as inheritance() wrote it. What is not a
    // listening socket is left alone and reported.
    Result<void> inherit(std::string_view descriptors);
    // The same for the next binary. The descriptors are made inheritable in the child, with keep_over_exec().
    std::string inheritance() const;
    void keep_over_exec() const;

    // Binds what `wanted` asks for and nobody listens on yet. When one fails, those bound by this call are
    // closed again; sockets that listen already are not touched.
    Result<void> prepare(const Listening& wanted);
    // Once `wanted` is in force: gives the sockets that stay its options. What the system refuses does not
    // keep the others from being changed; the last such error is returned.
    Result<void> apply_options(const Listening& wanted);
    // Closes all that is not in `wanted`. Connections may still name a closed Listener: they are kept until
    // forget(). With `keep_paths` unix sockets keep their paths: another binary serves them, too.
    void retire(const Listening& wanted, bool keep_paths = false);
    void forget() { retired_.clear(); }

    // Null when nothing listens there.
    Item* find(const Address& address) noexcept;
    const std::vector<Item>& items() const noexcept { return items_; }
    std::vector<Item>& items() noexcept { return items_; }

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
    void undo(std::size_t first_new);

    std::vector<Item> items_;
    std::vector<std::unique_ptr<Listener>> retired_;
    std::vector<Inherited> inherited_;
    std::size_t next_index_ = 0;
};

}  // namespace berth

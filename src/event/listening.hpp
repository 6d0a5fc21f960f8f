// Listening: the addresses one configuration wants to be served, and by whom.
#pragma once

#include <deque>
#include <functional>
#include <string_view>
#include <unordered_map>

#include "core/config/tree.hpp"
#include "core/net/address.hpp"
#include "core/result.hpp"
#include "event/listener.hpp"

namespace berth {

class Loader;

// A global conf: cycle.own<Listening>() while the configuration is loaded, cycle.conf<Listening>() later. The
// master binds one socket for each entry, before it forks; a socket that an earlier generation (or an earlier
// binary) listens on at the same address is used again. Nothing else is ever bound.
struct Listening {
    struct Entry {
        Address address;
        ListenOptions options;
        // Makes the first session of each connection accepted here, in the workers of this configuration.
        // `user` is the protocol's own: what it finds its servers by.
        Listener::OpenSession open = nullptr;
        void* user = nullptr;
        bool has_options = false;     // some `listen` wrote options for the socket
        std::string_view scheme{};    // of its URLs ("http"), for showing them; the protocol's to set
        Origin at;                    // where it was first asked for
        bool proxy_protocol = false;  // some `listen` wrote that connections begin with a PROXY header
        // Once the whole configuration is read.
        Strategy strategy = Strategy::shared;
        AcceptBalance balance = AcceptBalance::round_robin;
        // strategy=proxy: where the worker of that slot listens, for the front processes alone.
        std::function<Address(unsigned slot)> private_address{};

        // `listen 8000-8010` asks for eleven.
        bool is_of_one_listen_with(const Entry& other) const noexcept {
            return at.source == other.at.source && at.line == other.at.line && at.column == other.at.column;
        }
    };

    // Asks for `address`. The same address asked for again gives the same entry; entries stay where they are.
    // `options` is null when this `listen` says nothing about the socket itself. Errors: the address is
    // served by another protocol (`open` differs), or socket options are written a second time.
    //
    // Linux cannot bind a port both on a wildcard and on one of its addresses: the protocol asks only for the
    // wildcard and tells the addresses apart by Connection::local().
    Result<Entry*> add(const Address& address, const ListenOptions* options, Listener::OpenSession open,
                       const Origin& at = {});

    // Settles strategies and balances, once everything is read; those that cannot be are reported.
    void finish(Loader& loader);

    // Null when nobody asked for it.
    const Entry* find(const Address& address) const noexcept;

    std::deque<Entry> entries;  // in the order of add(), which alone adds to them

 private:
    std::unordered_map<Address, Entry*> by_address_;
};

}  // namespace berth

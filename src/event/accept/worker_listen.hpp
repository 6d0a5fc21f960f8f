// WorkerListen: where each worker listens for the fronts of strategy=proxy.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "core/config/tree.hpp"
#include "core/net/address.hpp"
#include "core/result.hpp"

namespace berth {

class Cycle;
class Loader;
struct Listening;

// worker_listen unix:[FOLDER] | ADDRESS:PORT+. Sockets in a folder that only the workers' user may enter (one
// that others may is refused: RuntimeFiles), or a port for each worker: the slot is added to PORT. ADDRESS is
// one of this machine's loopback.
struct WorkerListen {
    std::string folder;  // of unix sockets; empty: beside the pid file
    Address first;       // specified: TCP
    Origin at{};         // where it is written, if it is

    static Result<WorkerListen> parse(std::string_view text);
};

// Gives each proxied entry its Entry::private_address, once all are known; what cannot be is reported. A
// binary that replaces another has unix sockets of its own, and inherits ports.
void settle_worker_addresses(Loader& loader, Listening& listening);
// Why there cannot be so many workers: some would have no port of their own. Empty: there can.
std::string why_not_so_many(const Listening& listening, unsigned workers);

// Unix sockets bear the process id of their server: two that serve side by side must not take each other's.
// To be called by the process that stays the master, once it is in the background and before any is made.
void name_worker_sockets_after(pid_t master) noexcept;
// Deletes what servers left there that were killed: sockets that bear such a server's name, nothing else.
void remove_stale_sockets(const Listening& listening);
// The folder beside the pid file, if nothing is left in it.
void remove_worker_folder(const Cycle& cycle) noexcept;

}  // namespace berth

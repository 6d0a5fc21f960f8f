// The master's part of what several processes watch, workers (strategy=shared) or fronts (proxy): that no
// connection is left waiting because of one that is gone.
#pragma once

#include <memory>

#include "event/accept/accept_master.hpp"

namespace berth {

// Where the kernel wakes one process for a connection, and that one dies before it accepts, or cannot, nobody
// else is told: on every death, and when one says that it cannot, a living one is told to look.
// With `accept_mutex on` the lease of a worker that is gone is freed, and one that waits for its turn is
// woken. All outlive it.
std::unique_ptr<AcceptMaster> make_shared_master(EventLoop& loop, Workers& workers, ListenerSet& listeners,
                                                 Scoreboard& scoreboard);

}  // namespace berth

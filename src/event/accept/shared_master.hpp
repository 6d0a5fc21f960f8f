// The master's part of strategy=shared: that no connection is left waiting because of a worker that is gone.
#pragma once

#include <memory>

#include "event/accept/accept_master.hpp"

namespace berth {

// Where the kernel wakes one worker for a connection, and that one dies before it accepts, or cannot, nobody
// else is told: on every death, and when a worker says that it cannot, one living worker is told to look.
// With `accept_mutex on` the lease of a worker that is gone is freed, and one that waits for its turn is
// woken. All outlive it.
std::unique_ptr<AcceptMaster> make_shared_master(EventLoop& loop, Workers& workers, ListenerSet& listeners,
                                                 Scoreboard& scoreboard);

}  // namespace berth

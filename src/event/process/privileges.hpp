// What a worker becomes before it serves: its user, limits, processor, and the tie to its master.
#pragma once

#include <sys/types.h>

#include "core/cycle.hpp"
#include "core/result.hpp"
#include "event/process/scoreboard.hpp"

namespace berth {

// In the freshly forked worker: limits, priority, processors, no_new_privs, user and group (one that is no
// front keeps one right if ProcessConf::speaks_for_others), environment, working directory, and SIGQUIT when
// the master dies (a change of user clears that, so it comes last). An error, or a master that is gone
// already (ESRCH), means that the worker must end. What only tunes (priority, processors, a limit that may
// not be raised) is logged and goes on.
Result<void> become_worker(const Cycle& cycle, ProcessRole role, unsigned slot, pid_t master);

}  // namespace berth

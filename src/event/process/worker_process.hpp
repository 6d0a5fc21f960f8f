// The process of one worker: what runs between fork and exit.
#pragma once

#include <sys/types.h>

#include "core/cycle.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/worker.hpp"

namespace berth {

struct WorkerStart {
    Cycle& cycle;
    ListenerSet& listeners;
    Scoreboard& scoreboard;
    ScoreboardRow& row;
    WorkerIdentity identity;
    FileDescriptor channel;
    pid_t master = 0;
};

// Becomes a worker and serves until it is told to end, or its master is gone. Returns the exit code: 0, or 2
// when it could not start. The caller has closed what was the master's.
int run_worker_process(WorkerStart start);

}  // namespace berth

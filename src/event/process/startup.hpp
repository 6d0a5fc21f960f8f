// Startup: from a loaded configuration to a serving process, and what surrounds that: background, pid file,
// stderr.
#pragma once

#include <memory>

#include "event/process/generation.hpp"
#include "event/process/program.hpp"

namespace berth {

// Serves until told to end; returns the process's exit code. When it goes to the background, the process that
// called returns once the other one is ready, with its verdict.
int serve(Program& program, std::unique_ptr<Generation> first);

// stderr goes where the error log goes, so that nothing that is written there is lost; not when the log is
// stderr.
void redirect_standard_error(const Log& log);

}  // namespace berth

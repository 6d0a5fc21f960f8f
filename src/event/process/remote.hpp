// The side of `-s` that talks to a running server.
#pragma once

#include <string>

#include "core/cycle.hpp"

namespace berth {

// Tells the server that runs with this configuration to stop, quit, reload or reopen; returns the exit code.
// Through its control socket it waits for a reload and prints the outcome; without that it sends the signal,
// as nginx does. Only `pid` and `control` of the configuration are read, so a broken one does not keep
// anybody from stopping.
int tell_running_server(const CycleOptions& options, const std::string& command);

// A module's command, through the control socket alone; prints the answer. The exit code: 0 done, 1 refused,
// or nobody answers.
int ask_running_server(const CycleOptions& options, const std::string& line);

}  // namespace berth

// Program: how this server was started, which is how its successor is started.
#pragma once

#include <string>
#include <vector>

#include "core/cycle.hpp"
#include "core/log/log.hpp"

namespace berth {

struct Program {
    std::string executable;              // absolute: what an upgrade executes
    std::vector<std::string> arguments;  // with the name it was called by
    CycleOptions options;                // of every generation but its number and test_only
    bool inherited = false;              // started by a running server (BERTH_INHERITED)
    std::string asked{};                 // that server's AcceptMaster::inheritance()
    std::vector<int> given{};            // listening sockets of others, for AcceptMaster::started_with()

    // "./server -c conf": for the title.
    std::string command_line() const;
};

// The absolute path of what `name` was called by; of this process's file when it stands in no folder.
std::string executable_path(const std::string& name);

}  // namespace berth

// Generation: a loaded configuration together with what was opened for it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/cycle.hpp"
#include "core/log/log.hpp"

namespace berth {

struct Generation {
    std::unique_ptr<Log> log;
    std::unique_ptr<Cycle> cycle;  // after the log, which it uses

    std::uint64_t number() const noexcept { return cycle->generation(); }
    // In a forked worker of another generation: closes the log files.
    void abandon() noexcept;
};

// What went wrong (or was warned of) while a configuration was loaded, in both forms it is shown in.
struct LoadReport {
    std::string text;                // as a person reads it, with lines and carets; empty when all is well
    std::vector<std::string> lines;  // for the log: one for each finding
    bool failed = false;
};

// What is wrong with the configuration, without opening or creating any file that it names.
LoadReport check_configuration(CycleOptions options);

// Loads the configuration and opens its error log, its log files and its temporary folders. May run on any
// thread. Null when anything is wrong.
std::unique_ptr<Generation> load_generation(CycleOptions options, LoadReport& report);

}  // namespace berth

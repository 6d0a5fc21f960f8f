// Running other programs: the server's own commands, curl, a shell script.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace berth::test {

struct RunOptions {
    std::string folder;                    // to run in; empty: this one
    std::string input;                     // its stdin
    std::vector<std::string> environment;  // NAME=VALUE, besides what this process has
    int third = -1;                        // what it has open as descriptor 3; -1: nothing
};

struct RunResult {
    int code = -1;  // exit code; 128 + the signal that ended it; -1: it was killed because it took too long
    std::string out;
    std::string err;
};

// Runs it to its end and collects what it wrote. The program is looked for in PATH.
RunResult run_program(const std::vector<std::string>& arguments, const RunOptions& options = {});

// Starts it in a process group of its own, with stdout and stderr going to these files; returns its id.
pid_t start_program(const std::vector<std::string>& arguments, const RunOptions& options,
                    const std::string& out, const std::string& err);

// Is there such a program in PATH?
bool has_program(const std::string& name);

}  // namespace berth::test

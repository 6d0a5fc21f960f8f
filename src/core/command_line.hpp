// CommandLine: what ./server was asked to do.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"

namespace berth {

struct CommandLine {
    enum class Action {
        serve,
        test,     // -t
        dump,     // -T
        signal,   // -s
        version,  // -v
        build,    // -V
        usage,    // -h, -?
        manual,   // --help [NAME]: directives
        schema,   // --schema
        command,  // words: of the running server
    };
    Action action = Action::serve;
    bool quiet = false;                // -q
    std::string config;                // -c; empty: the built-in path
    std::string prefix;                // -p; empty: the built-in one
    std::string error_log;             // -e
    std::string directives;            // -g
    std::string signal;                // of -s: stop, quit, reload or reopen
    std::string topic;                 // of --help; empty: the index
    std::string format;                // of --format: yaml or nginx
    bool json = false;                 // --json
    std::vector<std::string> command;  // words for the running server: upstream list
};

// Options as nginx takes them: short ones can be bundled (-tq), a value may follow at once (-cFILE) or as the
// next word; and long ones with `=VALUE` or the next word. `arguments` are those behind the program's name.
// Words that are no options are a command for the running server, whose modules know it; options may stand
// among them. An error is one line that says what is wrong, with a suggestion.
Result<CommandLine> parse_command_line(std::span<const std::string_view> arguments);

// The text of -h.
std::string usage_text();

}  // namespace berth

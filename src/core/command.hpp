// Command: what `./server NAME …` asks of the running server, and how a module obeys.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "core/config/diagnostics.hpp"
#include "core/config/tree.hpp"
#include "core/result.hpp"

namespace berth {

class Cycle;

// A command as it was asked: one line of words in the configuration's syntax.
struct CommandCall {
    Cycle& cycle;  // the configuration in use
    const std::string& line;
    const Node& node;        // the line as a directive; positions are columns of the line
    const std::string& who;  // "uid 0, pid 12", for logs
};

class CommandWork;

struct CommandAnswer {
    std::string text;  // lines for a person
    bool success = true;
    bool changes = false;               // worth a line in the log
    std::unique_ptr<CommandWork> work;  // not answered yet: this comes first
};

// The part of a command that waits, for a disk.
class CommandWork {
 public:
    virtual ~CommandWork() = default;
    // On a thread of its own: touches only what is its own.
    virtual void wait() noexcept = 0;
    // Then on the loop again, under the configuration that is in use now: perhaps another one.
    virtual CommandAnswer finish(Cycle& cycle) = 0;
};

// One word of the command line, and all that stands behind it. Run in the process that has the configuration:
// the master, or the only one.
struct Command {
    std::string_view name;
    std::string_view summary;  // its line in -h
    std::string_view usage;    // the answer to `./server NAME`
    // Whether it is written as it must be; asked before the server is looked for, too.
    Result<void> (*check)(const Node& node) = nullptr;
    CommandAnswer (*run)(const CommandCall& call) = nullptr;
};

// Of all modules; null when none has it.
const Command* find_command(std::string_view name) noexcept;
// Why there is no such command, with a suggestion.
Error unknown_command(std::string_view name);

// Words to a line and back. What is wrong with a line that cannot be cut into words is in `findings`; the
// node lives as long as the tree.
std::string command_line(std::span<const std::string> words);
const Node* read_command(const std::string& line, ConfigTree& tree, Diagnostics& findings);

}  // namespace berth

// Module: one constant for each thing that plugs in: its directives, its configuration, what it does when.
#pragma once

#include <span>
#include <string_view>

#include "core/command.hpp"
#include "core/config/conf.hpp"
#include "core/config/directive.hpp"
#include "core/result.hpp"

namespace berth {

class Cycle;
class StatusWriter;
class Worker;
namespace http {
class HttpBuilder;
}

// A module is a constant named by auto/modules, whose order is the order of filters and of these calls. Every
// member but the name may be left out.
struct Module {
    std::string_view name;
    std::span<const Directive> directives{};
    ConfOps global{};    // once in a cycle
    ConfOps main{};      // once in http{}
    ConfOps server{};    // each server{}
    ConfOps location{};  // each location{}, and http{} and server{} for what they pass on

    // Adds phase handlers, filters and variables while http{} is being loaded.
    void (*http)(http::HttpBuilder&) = nullptr;
    // After the whole tree is read and inherited, before anything is opened: the last word on validity.
    Result<void> (*init_cycle)(Cycle&) = nullptr;
    // In each worker, before its first event; an error ends the worker.
    Result<void> (*start_worker)(Worker&) = nullptr;
    // In each worker, after its last event.
    void (*stop_worker)(Worker&) = nullptr;
    // Its part of the status (`status`, metrics): adds members to the outermost object, in the worker that
    // was asked. What others count it reads from shared memory.
    void (*status)(Worker&, StatusWriter&) = nullptr;
    // What it answers of `./server NAME …`, over the control socket.
    std::span<const Command> commands{};
};

// All modules of this build, in order; the table is written by `configure`.
std::span<const Module* const> modules();

// Gives every configuration struct its slot. Called once, at the start of the program.
void register_modules();

// How many structs the modules have at a level.
std::size_t conf_count(Level level);
const ConfInfo& conf_at(Level level, std::size_t slot);

}  // namespace berth

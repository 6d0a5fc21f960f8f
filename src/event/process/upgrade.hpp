// Upgrade: a new binary takes the listening sockets over while this one goes on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "event/accept/accept_master.hpp"
#include "event/process/child.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/program.hpp"

namespace berth {

// What the new binary finds its sockets by; its value is ListenerSet::inheritance().
inline constexpr const char* kInheritedVariable = "BERTH_INHERITED";
inline constexpr const char* kOldSuffix = ".oldbin";

// The same for FrontBoard::newest_secret(), in hexadecimal: /proc/PID/environ is for the master's user alone.
inline constexpr const char* kFrontSecretVariable = "BERTH_FRONT_SECRET";

// And for AcceptMaster::inheritance().
inline constexpr const char* kAskedVariable = "BERTH_ASKED";

// Starts the program anew, with the sockets open. Returns its process id; the caller watches it. Called from
// the main thread.
Result<pid_t> start_new_binary(const Program& program, const ListenerSet& listeners,
                               const AcceptMaster& sharing, std::string_view front_secret);

// What the variable says, which is then removed, so that nobody else inherits it. Nothing when there is none:
// this process was not started by start_new_binary(). Empty: it was, but there is nothing to inherit.
std::optional<std::string> take_inheritance();
// The bytes of the secret, removed in the same way; empty when there is none.
std::string take_front_secret();
// What AcceptMaster::inherit() is to be told, removed in the same way.
std::string take_asked_sockets();
// Descriptors of listening sockets that whoever started this process has left to it (systemd, a supervisor, a
// test), but not those in `asked`. They are never closed, so that the next binary has them, too. Called after
// ListenerSet::inherit() and before anything else is opened.
std::vector<int> others_listening_sockets(std::string_view asked);

}  // namespace berth

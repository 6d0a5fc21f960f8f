// What the tests of accept strategies look at: what workers do, counted by the kernel.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

// A server whose port answers every request with the id of the worker's process.
std::string answering_pid(unsigned workers, std::string_view events, std::string_view listen,
                          std::string_view main = {});

// Waits until there are so many workers and fronts, and "/" is answered.
bool fronted(const Server& server, std::size_t workers, std::size_t fronts = 1);

// Waits until there are so many workers, each of them asleep.
bool at_rest(const Server& server, std::size_t workers);

// Whether one process sleeps now.
bool asleep(pid_t pid);

// How often these processes went to sleep since they began, all together (proc(5)).
std::uint64_t voluntary_switches(const std::vector<pid_t>& workers);

// Of an answer that begins with the id of the worker's process.
pid_t pid_of(const Response& response);

// The worker that answers a fresh connection; 0: none does.
pid_t who_answers(std::uint16_t port);

// Connections to this port of 127.0.0.1 that a process has accepted (/proc/net/tcp: others have no inode).
std::size_t accepted(std::uint16_t port);

// How often each answered, on so many connections that were open at once.
std::map<pid_t, unsigned> spread(std::uint16_t port, unsigned connections);

// Lets the process, which is of this user, open no further descriptor, or only as many as are `left`; returns
// the limit it had.
rlimit forbid_descriptors(pid_t pid, rlim_t left = 0);

// Starts the new binary and ends the old one; false when something took too long.
bool upgrade_wholly(Server& server);

// So many clients at once, each with a request for "/"; kOnce: for which it is the only one.
std::vector<Client> crowd(const Server& server, std::size_t count, std::string_view headers = {});
constexpr std::string_view kOnce = "Connection: close\r\n";

// Whether an answer is there that was not read yet, and how many have one.
bool has_answer(const Client& client);
std::size_t answered(const std::vector<Client>& clients);

}  // namespace berth::test

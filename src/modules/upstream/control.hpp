// `./server upstream …`: peers are added, removed and changed while the server runs.
#pragma once

#include <string_view>

#include "core/command.hpp"

namespace berth::upstream {

class Upstreams;

// The command of a protocol whose upstreams `of` finds in a configuration; see kUpstreamUsage for what it
// can. Changes are checked by the rows of `server`, take effect in all workers at their next choice, and are
// written to the group's state file first, if it has one: what could not be written is not done.
using UpstreamsOf = const Upstreams& (*)(const Cycle& cycle);

Result<void> check_upstream_command(const Node& node);
CommandAnswer run_upstream_command(const CommandCall& call, UpstreamsOf of);

inline constexpr std::string_view kUpstreamUsage =
    "usage: server upstream COMMAND [-c FILE] [-p FOLDER]\n"
    "\n"
    "  list [GROUP] [--json]              the groups, their servers, and how they are\n"
    "  add GROUP ADDRESS [PARAMETER]...   one server more, with the parameters of \"server\" in upstream{}\n"
    "  remove GROUP ADDRESS               its requests end, then nothing is left of it\n"
    "  set GROUP ADDRESS PARAMETER...     weight=N max_conns=N max_fails=N fail_timeout=TIME "
    "slow_start=TIME\n"
    "  drain GROUP ADDRESS                only requests that sticky binds to it; what is under way ends\n"
    "  down GROUP ADDRESS                 no requests; what is under way ends\n"
    "  up GROUP ADDRESS                   neither down nor draining, and its failures are forgotten\n"
    "\n"
    "ADDRESS is IP[:PORT] or unix:PATH; except with add also a name that \"server\" says in the\n"
    "configuration, which means all its addresses. Every worker obeys from its next choice on. In a group\n"
    "with \"state FILE\" changes are kept there; otherwise they hold until the next reload.\n"
    "Exit codes: 0 done, 1 refused, 2 not written as it must be.\n";

}  // namespace berth::upstream

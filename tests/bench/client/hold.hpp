// hold: opens connections one after the other and holds them: idle clients, and a herd's prey.
#pragma once

#include "tests/bench/client/options.hpp"

namespace berth::bench {

// Prints "holding", then waits for the end of its input, then prints the counts as JSON. The exit code.
int hold(const Options& options);

}  // namespace berth::bench

// serve: a backend that is there and gone in no time, so that its death and its start take nothing from the
// load.
#pragma once

#include "tests/bench/client/options.hpp"

namespace berth::bench {

// Waits for the end of its standard input, and from then on answers every request on 127.0.0.1:port with
// twelve bytes, until it is killed. The exit code when it cannot.
int serve(const Options& options);

}  // namespace berth::bench

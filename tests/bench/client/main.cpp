// The client of the benchmarks: wrk has no fixed rate and hides queueing; this one has one, and counts
// exactly.
#include <sys/prctl.h>
#include <sys/resource.h>

#include <csignal>

#include "tests/bench/client/hold.hpp"
#include "tests/bench/client/load.hpp"
#include "tests/bench/client/serve.hpp"

int main(int argc, char** argv) {
    const berth::bench::Options options = berth::bench::parse_options(argc, argv);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (options.serve) return berth::bench::serve(options);
    if (options.hold > 0) return berth::bench::hold(options);
    berth::bench::Load load(options);
    load.run();
    load.print();
    return 0;
}

// How many processors this process may really use.
#pragma once

#include <string>
#include <string_view>

namespace berth {

// The processors this process is allowed on (sched_getaffinity(2)), further bounded by the quota of its
// cgroup and the cgroups above (v2 cpu.max, v1 cpu.cfs_quota_us), rounded up. At least 1. Reads files: for
// start-up only.
unsigned usable_cpus();

// The same for any root in place of "/", and without the affinity: the quota in whole processors, 0 when
// there is none. For tests.
unsigned cgroup_cpu_limit(const std::string& root);

}  // namespace berth

// Processor counts from invented cgroup trees.
#include "core/system/cpu.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include "tests/unit/core/system/temp_folder.hpp"

namespace berth {
namespace {

TEST(Cpu, VersionTwoTakesTheLeastOfAllLevels) {
    const TempFolder root;
    root.file("proc/self/cgroup", "0::/a/b\n");
    EXPECT_EQ(cgroup_cpu_limit(root.path()), 0u);
    root.file("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    EXPECT_EQ(cgroup_cpu_limit(root.path()), 0u);
    root.file("sys/fs/cgroup/a/cpu.max", "250000 100000\n");
    EXPECT_EQ(cgroup_cpu_limit(root.path()), 3u);
    root.file("sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
    EXPECT_EQ(cgroup_cpu_limit(root.path()), 1u);
    root.file("sys/fs/cgroup/a/b/cpu.max", "nonsense");
    EXPECT_EQ(cgroup_cpu_limit(root.path()), 3u);
}

TEST(Cpu, VersionTwoInsideAContainer) {
    const TempFolder root;
    root.file("proc/self/cgroup", "0::/\n");
    root.file("sys/fs/cgroup/cpu.max", "200000 100000\n");
    EXPECT_EQ(cgroup_cpu_limit(root.path()), 2u);
}

TEST(Cpu, VersionOne) {
    const TempFolder root;
    root.file("proc/self/cgroup", "5:memory:/x\n4:cpu,cpuacct:/x\n1:name=systemd:/\n");
    root.file("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n");
    root.file("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(cgroup_cpu_limit(root.path()), 0u);
    root.file("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "150000\n");
    EXPECT_EQ(cgroup_cpu_limit(root.path()), 2u);
}

TEST(Cpu, NeverMoreThanTheAffinityAllows) {
    cpu_set_t allowed;
    ASSERT_EQ(::sched_getaffinity(0, sizeof allowed, &allowed), 0);
    EXPECT_GE(usable_cpus(), 1u);
    EXPECT_LE(usable_cpus(), static_cast<unsigned>(CPU_COUNT(&allowed)));
}

}  // namespace
}  // namespace berth

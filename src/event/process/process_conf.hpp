// ProcessConf: what the main context says about the processes: how many, as whom, within which limits.
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "core/config/setting.hpp"
#include "core/regex/regex.hpp"

namespace berth {

class Cycle;
class Loader;

// Who the workers are; looked up while the configuration is loaded, because a forked child must not ask for
// names.
struct RunAs {
    std::string user;
    std::string group;
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups;
};

// worker_respawn_delay FIRST max=LONGEST
struct RespawnDelay {
    std::chrono::milliseconds first{0};
    std::chrono::milliseconds longest{10'000};
};

// worker_cpu_affinity: masks, one for each worker in turn; with `automatic` each gets one processor of
// `masks[0]` (of all that are allowed when there is no mask).
struct CpuAffinity {
    bool automatic = false;
    std::vector<cpu_set_t> masks;
};

struct ThreadPoolConf {
    std::string name;
    std::size_t threads = 32;
    std::size_t queue = 65536;
};

struct EnvVariable {
    std::string name;
    std::optional<std::string> value;  // none: the master's
};

inline constexpr unsigned kMostWorkers = 512;

// Global.
struct ProcessConf {
    Setting<unsigned> worker_processes{1};  // 0: auto
    Setting<std::size_t> worker_rlimit_nofile{0};
    Setting<std::size_t> worker_rlimit_core{0};
    Setting<CpuAffinity> worker_cpu_affinity;
    Setting<int> worker_priority{0};
    Setting<std::chrono::milliseconds> worker_shutdown_timeout{std::chrono::milliseconds(0)};  // 0: none
    Setting<std::chrono::milliseconds> worker_idle_drain{std::chrono::milliseconds(5000)};
    Setting<RespawnDelay> worker_respawn_delay;
    Setting<std::chrono::milliseconds> worker_start_timeout{std::chrono::milliseconds(30'000)};
    Setting<std::chrono::milliseconds> worker_switch_timeout{std::chrono::milliseconds(5000)};
    Setting<std::chrono::milliseconds> worker_kill_timeout{std::chrono::milliseconds(1000)};
    Setting<RunAs> user;
    Setting<std::string> pid{""};
    Setting<std::string> control{""};
    Setting<std::size_t> control_clients{64};
    Setting<std::chrono::milliseconds> control_timeout{std::chrono::milliseconds(10'000)};
    Setting<std::string> lock_file{""};
    Setting<std::string> working_directory{""};
    Setting<bool> daemon{true};
    Setting<bool> master_process{true};
    Setting<std::chrono::milliseconds> timer_resolution{std::chrono::milliseconds(0)};
    Setting<bool> pcre_jit{true};
    Setting<Regex::Limits> regex_match_limit;
    Setting<std::vector<EnvVariable>> env;
    Setting<std::vector<ThreadPoolConf>> thread_pools;

    // Said by modules while they are read: workers speak from addresses that are not this machine's
    // (IP_TRANSPARENT), and keep the right to it when they change their user.
    bool speaks_for_others = false;

    void finish(Loader& loader);
};

// The number of workers: `auto` asks the system.
unsigned worker_count(const ProcessConf& conf);
// Absolute paths.
std::string pid_path(const Cycle& cycle);
// Of the control socket; empty when it is off.
std::string control_path(const Cycle& cycle);
std::string default_control_path(const std::string& pid_file);

}  // namespace berth

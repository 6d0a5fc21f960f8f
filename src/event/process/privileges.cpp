// The steps from the master's privileges down to a worker's.
#include "event/process/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "event/process/process_conf.hpp"

namespace berth {

namespace {

void set_limit(const Cycle& cycle, __rlimit_resource which, std::string_view name,
               const Setting<std::size_t>& wanted) {
    if (!wanted.is_set()) return;
    rlimit limit{};
    limit.rlim_cur = limit.rlim_max = static_cast<rlim_t>(*wanted);
    if (::setrlimit(which, &limit) == 0) return;
    const int error_number = errno;
    // Without privilege the hard limit cannot be raised: as far as it goes, then.
    rlimit current{};
    if (::getrlimit(which, &current) == 0 && limit.rlim_cur <= current.rlim_max) {
        current.rlim_cur = limit.rlim_cur;
        if (::setrlimit(which, &current) == 0) return;
    }
    cycle.log().warn("{}", system_error("setrlimit", name, error_number).message);
}

void set_affinity(const Cycle& cycle, const CpuAffinity& affinity, unsigned slot) {
    cpu_set_t mask;
    if (affinity.automatic) {
        cpu_set_t allowed;
        CPU_ZERO(&allowed);
        if (::sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return;
        if (!affinity.masks.empty()) CPU_AND(&allowed, &allowed, &affinity.masks[0]);
        std::vector<std::size_t> processors;
        for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
            if (CPU_ISSET(i, &allowed)) processors.push_back(i);
        }
        if (processors.empty()) return;
        CPU_ZERO(&mask);
        CPU_SET(processors[slot % processors.size()], &mask);
    } else if (!affinity.masks.empty()) {
        mask = affinity.masks[slot % affinity.masks.size()];
    } else {
        return;
    }
    if (::sched_setaffinity(0, sizeof(mask), &mask) != 0) {
        cycle.log().warn("{}", system_error("sched_setaffinity", "", errno).message);
    }
}

// Of root's rights only this one is left (capabilities(7)).
Result<void> keep_only(unsigned capability) {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct rights[_LINUX_CAPABILITY_U32S_3]{};
    auto& word = rights[CAP_TO_INDEX(capability)];
    word.effective = word.permitted = CAP_TO_MASK(capability);
    if (::syscall(SYS_capset, &header, rights) != 0) return system_error("capset", "", errno);
    return {};
}

Result<void> change_user(const ProcessConf& conf, bool keeps_right) {
    if (::geteuid() != 0 || !conf.user.is_set() || conf.user->uid == 0) return {};
    const RunAs& as = *conf.user;
    if (::setgid(as.gid) != 0) return system_error("setgid", std::to_string(as.gid), errno);
    if (::setgroups(as.groups.size(), as.groups.data()) != 0)
        return system_error("setgroups", as.user, errno);
    if (keeps_right) ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (::setuid(as.uid) != 0) return system_error("setuid", std::to_string(as.uid), errno);
    return keeps_right ? keep_only(CAP_NET_RAW) : Result<void>();
}

void set_environment(const ProcessConf& conf) {
    std::vector<EnvVariable> kept = *conf.env;
    kept.push_back({"TZ", std::nullopt});
    kept.push_back({"BERTH_TEST_POLLER", std::nullopt});
    for (EnvVariable& variable : kept) {
        const char* value = ::getenv(variable.name.c_str());
        if (!variable.value && value != nullptr) variable.value = value;
    }
    ::clearenv();
    for (const EnvVariable& variable : kept) {
        if (variable.value) ::setenv(variable.name.c_str(), variable.value->c_str(), 1);
    }
}

}  // namespace

Result<void> become_worker(const Cycle& cycle, ProcessRole role, unsigned slot, pid_t master) {
    const auto& conf = cycle.conf<ProcessConf>();
    if (conf.worker_priority.is_set() && ::setpriority(PRIO_PROCESS, 0, *conf.worker_priority) != 0) {
        cycle.log().warn("{}",
                         system_error("setpriority", std::to_string(*conf.worker_priority), errno).message);
    }
    set_limit(cycle, RLIMIT_NOFILE, "RLIMIT_NOFILE", conf.worker_rlimit_nofile);
    set_limit(cycle, RLIMIT_CORE, "RLIMIT_CORE", conf.worker_rlimit_core);
    set_affinity(cycle, *conf.worker_cpu_affinity, slot);
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    // Fronts connect to workers only, in their own name.
    const bool keeps_right = conf.speaks_for_others && role == ProcessRole::worker;
    if (Result<void> changed = change_user(conf, keeps_right); !changed) return changed;
    // A change of user takes the right to leave a core file, which worker_rlimit_core asks for.
    if (conf.worker_rlimit_core.is_set()) ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    set_environment(conf);
    if (conf.working_directory.is_set() && ::chdir(conf.working_directory->c_str()) != 0) {
        return system_error("chdir", *conf.working_directory, errno);
    }
    ::prctl(PR_SET_PDEATHSIG, SIGQUIT, 0, 0, 0);
    if (::getppid() != master) return Error("the master process is gone", ESRCH);
    return {};
}

}  // namespace berth

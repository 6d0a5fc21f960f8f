// The directives of the main context that are about processes.
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "core/build_info.hpp"
#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "core/system/cpu.hpp"
#include "core/text/number.hpp"
#include "event/process/process_conf.hpp"

namespace berth {

namespace {

using namespace std::string_view_literals;

void wrong(Loader& loader, const Node& node, const Word& word, std::string hint) {
    loader.error(word.at, "invalid value \"" + word.text + "\" in \"" + node.name + "\"", std::move(hint));
}

void take_worker_processes(Loader& loader, const Node& node, Setting<unsigned>& into) {
    const Word& word = node.args[0];
    if (word.text == "auto") return into.set(0);
    const std::optional<std::uint64_t> number = parse_unsigned(word.text, kMostWorkers);
    if (!number || *number == 0) return wrong(loader, node, word, "\"auto\", or a number from 1 to 512");
    into.set(static_cast<unsigned>(*number));
}

Result<RunAs> look_up(const std::string& user, const std::string& group) {
    RunAs found;
    found.user = user;
    const passwd* entry = ::getpwnam(user.c_str());
    if (entry == nullptr) return Error("getpwnam(\"" + user + "\") failed: there is no such user");
    found.uid = entry->pw_uid;
    found.gid = entry->pw_gid;
    found.group = group;
    if (!group.empty()) {
        const struct group* given = ::getgrnam(group.c_str());
        if (given == nullptr) return Error("getgrnam(\"" + group + "\") failed: there is no such group");
        found.gid = given->gr_gid;
    }
    int count = 64;
    found.groups.resize(static_cast<std::size_t>(count));
    if (::getgrouplist(user.c_str(), found.gid, found.groups.data(), &count) < 0) {
        found.groups.resize(static_cast<std::size_t>(count));
        ::getgrouplist(user.c_str(), found.gid, found.groups.data(), &count);
    }
    found.groups.resize(static_cast<std::size_t>(std::max(count, 0)));
    return found;
}

void take_user(Loader& loader, const Node& node, Setting<RunAs>& into) {
    if (::geteuid() != 0) {
        loader.warning(node.at, "the \"user\" directive makes sense only if the master runs as root",
                       "ignored");
        return;
    }
    Result<RunAs> found =
        look_up(node.args[0].text, node.args.size() > 1 ? node.args[1].text : std::string());
    if (!found) return loader.error(node.args[0].at, found.error().message);
    into.set(*std::move(found));
}

// A mask is read from the right: 0101 is processors 0 and 2.
bool read_mask(std::string_view text, cpu_set_t& mask) {
    CPU_ZERO(&mask);
    if (text.size() > CPU_SETSIZE) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[text.size() - 1 - i];
        if (c != '0' && c != '1') return false;
        if (c == '1') CPU_SET(i, &mask);
    }
    return CPU_COUNT(&mask) > 0;
}

void take_affinity(Loader& loader, const Node& node, Setting<CpuAffinity>& into) {
    CpuAffinity affinity;
    std::size_t first = 0;
    if (node.args[0].text == "auto") {
        affinity.automatic = true;
        first = 1;
        if (node.args.size() > 2) return wrong(loader, node, node.args[2], "\"auto\" takes one mask at most");
    }
    for (std::size_t i = first; i < node.args.size(); ++i) {
        cpu_set_t mask;
        if (!read_mask(node.args[i].text, mask)) {
            return wrong(loader, node, node.args[i],
                         "a mask of processors like 0101, at least one of them 1");
        }
        affinity.masks.push_back(mask);
    }
    into.set(std::move(affinity));
}

void take_respawn_delay(Loader& loader, const Node& node, Setting<RespawnDelay>& into) {
    RespawnDelay delay;
    for (const Word& word : node.args) {
        const bool longest = word.text.starts_with("max=");
        const auto time = parse_duration(std::string_view(word.text).substr(longest ? 4 : 0));
        if (!time) return wrong(loader, node, word, "a time like 100ms, and max=TIME");
        (longest ? delay.longest : delay.first) = *time;
    }
    delay.longest = std::max(delay.longest, delay.first);
    into.set(delay);
}

void take_control(Loader& loader, const Node& node, Setting<std::string>& into) {
    const Word& word = node.args[0];
    if (word.text == "off") return into.set("off");
    if (!word.text.starts_with("unix:") || word.text.size() == 5) {
        return wrong(loader, node, word, "\"off\", or unix:PATH");
    }
    into.set(word.text.substr(5));
}

void take_env(Loader& loader, const Node& node, Setting<std::vector<EnvVariable>>& into) {
    const std::string& text = node.args[0].text;
    const std::size_t equals = text.find('=');
    if (text.empty() || equals == 0) return wrong(loader, node, node.args[0], "NAME, or NAME=VALUE");
    EnvVariable variable;
    variable.name = text.substr(0, equals);
    if (equals != std::string::npos) variable.value = text.substr(equals + 1);
    into.edit().push_back(std::move(variable));
}

void take_thread_pool(Loader& loader, const Node& node, Setting<std::vector<ThreadPoolConf>>& into) {
    ThreadPoolConf pool;
    pool.name = node.args[0].text;
    bool has_threads = false;
    for (const Word& word : std::span(node.args).subspan(1)) {
        const std::size_t equals = word.text.find('=');
        const std::string name = word.text.substr(0, equals);
        const auto number = equals == std::string::npos
                                ? std::nullopt
                                : parse_unsigned(std::string_view(word.text).substr(equals + 1), 1'000'000);
        const bool threads = name == "threads";
        if (!number || (!threads && name != "max_queue") || (threads && *number == 0)) {
            return wrong(loader, node, word, "threads=NUMBER, or max_queue=NUMBER");
        }
        (threads ? pool.threads : pool.queue) = *number;
        has_threads = has_threads || threads;
    }
    if (!has_threads && pool.name != "default") {
        return loader.error(node.at, "thread pool \"" + pool.name + "\" needs threads=NUMBER");
    }
    auto same = [&](const ThreadPoolConf& other) { return other.name == pool.name; };
    if (std::ranges::any_of(*into, same)) {
        return loader.error(node.at, "thread pool \"" + pool.name + "\" is duplicate");
    }
    into.edit().push_back(std::move(pool));
}

void take_pcre_jit(Loader& loader, const Node& node, Setting<bool>& into) {
    bool on = true;
    if (!rows::read_flag(loader, node, node.args[0], on)) return;
    into.set(on);
    loader.use_jit(on);
}

// What an option of regex_match_limit says, in `unit`s.
std::optional<std::uint32_t> limit_of(std::string_view text, std::uint64_t unit) {
    const std::optional<std::uint64_t> number = unit == 1 ? parse_unsigned(text) : parse_size(text);
    if (!number || *number < unit || *number / unit > std::numeric_limits<std::uint32_t>::max()) return {};
    return static_cast<std::uint32_t>(*number / unit);
}

void take_regex_match_limit(Loader& loader, const Node& node, Setting<Regex::Limits>& into) {
    Regex::Limits limits;
    for (const Word& word : node.args) {
        const std::string_view text = word.text;
        const bool depth = text.starts_with("depth=");
        const bool heap = text.starts_with("heap=");
        const std::string_view value = depth || heap ? text.substr(text.find('=') + 1) : text;
        const std::optional<std::uint32_t> limit = limit_of(value, heap ? 1024 : 1);
        if (!limit) return wrong(loader, node, word, "NUMBER, depth=NUMBER, or heap=SIZE of at least 1k");
        (depth ? limits.depth : heap ? limits.heap_kib : limits.match) = *limit;
    }
    into.set(limits);
    loader.limit_regex(limits);
}

// Debian's nginx.conf includes such lines, so they are no error.
void take_load_module(Loader& loader, const Node& node, ProcessConf&) {
    const std::string& path = node.args[0].text;
    std::string name = path.substr(path.rfind('/') + 1);
    for (const std::string_view part : {"ngx_", ".so"}) {
        if (const std::size_t at = name.find(part); at != std::string::npos) name.erase(at, part.size());
    }
    loader.warning(node.at, "\"load_module\" does nothing: modules are compiled in, not loaded",
                   "./configure --with-" + name + " or --add-module=DIR builds it in; `-V` shows what is");
}

void take_lock_file(Loader& loader, const Node& node, Setting<std::string>& into) {
    into.set(node.args[0].text);
    loader.warning(node.at, "\"lock_file\" does nothing: workers share their locks in memory",
                   "the line can go");
}

void take_timer_resolution(Loader& loader, const Node& node, Setting<std::chrono::milliseconds>& into) {
    const std::string& text = node.args[0].text;
    const auto time = parse_duration(text);
    if (!time) return wrong(loader, node, node.args[0], "a time like 100ms");
    into.set(*time);
    loader.warning(node.at,
                   "\"timer_resolution\" does nothing: the clock is read once in each turn of the loop",
                   "the line can go");
}

using C = ProcessConf;
constexpr Directive directives[] = {
    rows::defaults_to(
        "1", rows::custom<&C::worker_processes, take_worker_processes>(
                 "worker_processes", in_main, {1, 1}, "NUMBER | auto",
                 "How many worker processes serve. auto: as many as this process may use processors, "
                 "by its affinity and the quota of its cgroup.")),
    rows::number<&C::worker_rlimit_nofile>("worker_rlimit_nofile", in_main,
                                           "The limit of open files of a worker (RLIMIT_NOFILE).", {1}),
    rows::size<&C::worker_rlimit_core>("worker_rlimit_core", in_main,
                                       "The largest core file of a worker (RLIMIT_CORE)."),
    rows::custom<&C::worker_cpu_affinity, take_affinity>(
        "worker_cpu_affinity", in_main, {1, kAnyNumber}, "MASK… | auto [MASK]",
        "Which processors workers run on: one mask for each worker in turn, read from the right; "
        "auto gives each worker a processor of its own."),
    rows::number<&C::worker_priority>("worker_priority", in_main,
                                      "The scheduling priority of workers, as of nice(1).", {-20, 19}),
    rows::duration<&C::worker_shutdown_timeout>(
        "worker_shutdown_timeout", in_main,
        "How long a worker that ends waits for its connections; then it closes them. 0 waits for all."),
    rows::duration<&C::worker_idle_drain>("worker_idle_drain", in_main,
                                          "How long a worker of an old configuration keeps idle connections, "
                                          "so that their next answer can announce the "
                                          "close."),
    rows::duration<&C::worker_start_timeout>(
        "worker_start_timeout", in_main,
        "How long a worker may take until it is ready. One that needs longer is killed; in a reload that "
        "means that the new configuration is not applied.",
        {1}),
    rows::duration<&C::worker_switch_timeout>(
        "worker_switch_timeout", in_main,
        "How long a reload waits for the old workers to say that they accept no more, before it reports the "
        "new generation active. One that is stopped has not said so by then: a connection that it has begun "
        "on waits for it.",
        {1}),
    rows::duration<&C::worker_kill_timeout>(
        "worker_kill_timeout", in_main,
        "How long workers have to end when the server is stopped fast (TERM, -s stop); then they are killed.",
        {1}),
    rows::defaults_to(
        "0 max=10s",
        rows::custom<&C::worker_respawn_delay, take_respawn_delay>(
            "worker_respawn_delay", in_main, {1, 2}, "TIME [max=TIME]",
            "The wait before a worker is replaced that died before it was ready, or soon after and again; it "
            "doubles up to max.")),
    rows::defaults_to(BERTH_USER,
                      rows::custom<&C::user, take_user>("user", in_main, {1, 2}, "USER [GROUP]",
                                                        "Who workers run as when the master is root.")),
    rows::defaults_to(
        BERTH_PID_PATH,
        rows::text<&C::pid>("pid", in_main, "The file that holds the master's process id while it serves.")),
    rows::custom<&C::control, take_control>(
        "control", in_main, {1, 1}, "unix:PATH | off",
        "The socket through which -s talks to the running server. Beside the pid file, unless set."),
    rows::number<&C::control_clients>(
        "control_clients", in_main,
        "How many may ask at the control socket at once; more wait until one has left.", {1}),
    rows::duration<&C::control_timeout>(
        "control_timeout", in_main,
        "How long a client of the control socket may take to ask, and then to read its answer."),
    rows::custom<&C::lock_file, take_lock_file>(
        "lock_file", in_main, {1, 1}, "PATH",
        "Does nothing, and says so: locks between workers are in shared memory."),
    rows::text<&C::working_directory>("working_directory", in_main,
                                      "The working directory of workers, for core files."),
    rows::flag<&C::daemon>("daemon", in_main, "Whether the server goes to the background."),
    rows::flag<&C::master_process>(
        "master_process", in_main,
        "Whether worker processes serve; off: the one process does, for development."),
    rows::custom<&C::timer_resolution, take_timer_resolution>(
        "timer_resolution", in_main, {1, 1}, "TIME",
        "Does nothing, and says so. The clock is read once in each turn of the loop, which costs no system "
        "call; that is how exact the times in logs and variables are. Timers are exact to a millisecond.",
        Kind::duration),
    rows::repeatable(rows::custom<&C::env, take_env>(
        "env", in_main, {1, 1}, "NAME[=VALUE]",
        "An environment variable that workers keep, or get. Of the others they keep only TZ.")),
    rows::repeatable(rows::custom<&C::thread_pools, take_thread_pool>(
        "thread_pool", in_main, {1, 3}, "NAME threads=NUMBER [max_queue=NUMBER]",
        "Threads of each worker for what would block its loop. \"default\" always exists: 32 threads, 65536 "
        "queued.")),
    rows::early(rows::defaults_to(
        "on",
        rows::custom<&C::pcre_jit, take_pcre_jit>(
            "pcre_jit", in_main, {1, 1}, "on | off",
            "Whether regular expressions are compiled to machine code, which makes matching several times "
            "faster; off for systems that forbid memory that is both written and executed.",
            Kind::flag))),
    rows::early(
        rows::defaults_to("1000000 depth=10000 heap=4m",
                          rows::custom<&C::regex_match_limit, take_regex_match_limit>(
                              "regex_match_limit", in_main, {1, 3}, "NUMBER [depth=NUMBER] [heap=SIZE]",
                              "How many steps one match of a regular expression may take: a pattern that "
                              "explodes counts as not matching, and a line in the log names it. depth and "
                              "heap limit nested matches where pcre_jit is off."))),
    rows::repeatable(rows::action<C, take_load_module>(
        "load_module", in_main, {1, 1}, "PATH",
        "Does nothing, and says so: modules are compiled in (./configure --with-…, --add-module=DIR).")),
};

}  // namespace

void ProcessConf::finish(Loader& loader) {
    if (user.is_set() || ::geteuid() != 0) return;
    Result<RunAs> found = look_up(BERTH_USER, BERTH_GROUP);
    if (!found) found = look_up("nobody", "");
    if (found) return user.set(*std::move(found));
    loader.warning({}, found.error().message, "workers run as root");
}

unsigned worker_count(const ProcessConf& conf) {
    return *conf.worker_processes != 0 ? *conf.worker_processes : std::min(usable_cpus(), kMostWorkers);
}

std::string pid_path(const Cycle& cycle) {
    const auto& pid = cycle.conf<ProcessConf>().pid;
    return cycle.below_prefix(pid.is_set() ? *pid : BERTH_PID_PATH);
}

std::string control_path(const Cycle& cycle) {
    const auto& control = cycle.conf<ProcessConf>().control;
    if (!control.is_set()) return default_control_path(pid_path(cycle));
    return *control == "off" ? std::string() : cycle.below_prefix(*control);
}

std::string default_control_path(const std::string& pid_file) { return pid_file + ".control"; }

extern const Module processes;
extern const Module processes = {
    .name = "processes", .directives = directives, .global = conf_of<ProcessConf>()};

}  // namespace berth

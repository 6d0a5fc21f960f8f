// The steps between a configuration and a serving process.
#include "event/process/startup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <iterator>
#include <optional>

#include "core/build_info.hpp"
#include "core/log/error_log_module.hpp"
#include "event/accept/worker_listen.hpp"
#include "event/events_module.hpp"
#include "event/listening.hpp"
#include "event/process/listener_set.hpp"
#include "event/process/master.hpp"
#include "event/process/single.hpp"
#include "event/process/upgrade.hpp"

namespace berth {

namespace {

int fail(Log& log, const std::string& why) {
    log.emerg("{}", why);
    if (!log.has_standard_error()) std::fprintf(stderr, "berth: [emerg] %s\n", why.c_str());
    return 1;
}

void say_hello(Log& log, const Generation& generation) {
    log.notice("using the \"{}\" event method", generation.cycle->conf<EventsConf>().use->empty()
                                                    ? "epoll"
                                                    : *generation.cycle->conf<EventsConf>().use);
    log.notice("berth/{} built by {}", BERTH_VERSION, BERTH_COMPILER);
    utsname system{};
    ::uname(&system);
    log.notice("OS: {} {}", system.sysname, system.release);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    log.notice("getrlimit(RLIMIT_NOFILE): {}:{}", files.rlim_cur, files.rlim_max);
    log.notice("configuration {}, generation {}", generation.cycle->conf_file(), generation.number());
}

std::string url(const Listening::Entry& entry) {
    if (entry.scheme.empty() || entry.address.is_unix()) return entry.address.to_text();
    const std::string host = entry.address.is_wildcard() ? "localhost:" + std::to_string(entry.address.port())
                                                         : entry.address.to_text();
    return fmt::format("{}://{}/", entry.scheme, host);
}

// The last port of `listen 8000-8010`, whose entries stand together.
template <class Iterator>
Iterator end_of_range(Iterator first, Iterator end) {
    const auto follows = [](const Listening::Entry& one, const Listening::Entry& next) {
        return next.is_of_one_listen_with(one) && !one.address.is_unix() &&
               next.address.bytes() == one.address.bytes() && next.address.port() == one.address.port() + 1;
    };
    for (Iterator next = std::next(first); next != end && follows(*first, *next); ++next) first = next;
    return first;
}

// For whoever started it by hand and watches.
std::string where_to_look(const Generation& generation) {
    std::string text = fmt::format("berth {} is running\n", BERTH_VERSION);
    const auto& entries = generation.cycle->conf<Listening>().entries;
    for (auto entry = entries.begin(); entry != entries.end(); ++entry) {
        text += "  serves    " + url(*entry);
        const auto last = end_of_range(entry, entries.end());
        if (last != entry) text += " to " + url(*last);
        text += '\n';
        entry = last;
    }
    text += "  config    " + generation.cycle->conf_file() + "\n";
    for (const std::string& path : generation.log->paths()) text += "  log       " + path + "\n";
    text += "  stop it with Ctrl-C, or -s stop; after a change of the config: -s reload\n";
    return text;
}

// The side of the process that called, in which it waits for the verdict of the one in the background.
int wait_for_background(FileDescriptor verdict, pid_t pid) {
    char ready = 0;
    while (::read(verdict.get(), &ready, 1) < 0 && errno == EINTR) {}
    if (ready != 0) return 0;
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : 1;
}

// Standard error stays until it is known that the server runs.
void detach() {
    ::setsid();
    const FileDescriptor null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null) return;
    ::dup2(null.get(), STDIN_FILENO);
    ::dup2(null.get(), STDOUT_FILENO);
}

struct Server {
    Program& program;
    std::unique_ptr<Generation> first;
    Log& log;  // of the first generation
    const ProcessConf& conf;
    std::string prefix;
    std::string pid_name;
    ListenerSet listeners;
    FileDescriptor verdict;  // for the process that waits for this one to be ready
    std::string greeting{};
};

void report_ready(Server& server) {
    if (!server.verdict) return;
    static_cast<void>(!::write(server.verdict.get(), "1", 1));
    server.verdict.reset();
    if (!server.log.has_standard_error()) ::dup2(STDOUT_FILENO, STDERR_FILENO);
}

// The pid file is the sign that everything is open; it is held before it is shown to anybody.
Result<void> announce(Server& server, PidFile& pid_file) {
    make_parent_folder(server.prefix, server.pid_name);
    Result<PidFile> created = PidFile::create(server.pid_name);
    if (!created) {
        // Whoever called has no log any more when it learns of this.
        if (!server.log.has_standard_error()) server.log.emerg("{}", created.error().message);
        return created.error();
    }
    pid_file = *std::move(created);
    report_ready(server);
    std::fputs(server.greeting.c_str(), stdout);
    std::fflush(stdout);
    redirect_standard_error(server.log);
    return {};
}

Result<void> run(Server& server) {
    take_over_signals();
    Result<Scoreboard> scoreboard = Scoreboard::create();
    if (!scoreboard) return scoreboard.error();
    scoreboard->fronts().inherit_secret(take_front_secret());
    Result<std::unique_ptr<EventLoop>> loop = EventLoop::create(*server.first->cycle->conf<EventsConf>().use);
    if (!loop) return loop.error();
    if (!*server.conf.daemon && !server.program.inherited) server.greeting = where_to_look(*server.first);
    PidFile pid_file;
    const auto ready = [&] { return announce(server, pid_file); };
    if (!*server.conf.master_process) {
        Single process(**loop, server.program, std::move(server.first), server.listeners, *scoreboard,
                       pid_file);
        return process.run(ready);
    }
    Master master(**loop, server.program, std::move(server.first), server.listeners, *scoreboard, pid_file);
    return master.run(ready);
}

// Returns in the process that goes on, or when there is none: an exit code then. The one that called ends
// here, without destroying anything: what it has in shared memory belongs to the other.
std::optional<int> go_to_background(Server& server) {
    Result<Pipe> pipe = make_pipe();
    if (!pipe) return fail(server.log, pipe.error().message);
    const pid_t pid = ::fork();
    if (pid < 0) return fail(server.log, system_error("fork", "", errno).message);
    if (pid > 0) {
        pipe->write.reset();
        const int code = wait_for_background(std::move(pipe->read), pid);
        std::fflush(nullptr);
        ::_exit(code);
    }
    server.verdict = std::move(pipe->write);
    detach();
    return std::nullopt;
}

}  // namespace

int serve(Program& program, std::unique_ptr<Generation> first) {
    const std::optional<std::string> inherited = take_inheritance();
    program.inherited = inherited.has_value();
    program.asked = take_asked_sockets();
    Generation& generation = *first;
    Server server{program,
                  std::move(first),
                  *generation.log,
                  generation.cycle->conf<ProcessConf>(),
                  generation.cycle->prefix(),
                  pid_path(*generation.cycle),
                  ListenerSet(),
                  FileDescriptor()};
    say_hello(server.log, generation);
    if (const pid_t holder = PidFile::holder(server.pid_name); holder != 0) {
        return fail(server.log, fmt::format("already running as process {}, which holds \"{}\"", holder,
                                            server.pid_name));
    }
    if (program.inherited) {
        server.log.notice("using inherited sockets from \"{}\"", *inherited);
        if (Result<void> taken = server.listeners.inherit(*inherited); !taken) {
            server.log.warn("{}", taken.error().message);
        }
    }
    program.given = others_listening_sockets(program.asked);
    // Before anything is made that bears this process's number.
    if (*server.conf.daemon && !program.inherited) {
        if (const std::optional<int> failed = go_to_background(server)) return *failed;
    }
    name_worker_sockets_after(::getpid());
    const auto& listening = generation.cycle->conf<Listening>();
    const unsigned slots = *server.conf.master_process ? worker_count(server.conf) : 0;
    if (Result<void> bound = server.listeners.prepare(listening, slots); !bound) {
        return fail(server.log, bound.error().message);
    }
    server.listeners.retire(listening);
    if (Result<void> ran = run(server); !ran) {
        // The old binary goes on serving what was its.
        server.listeners.remove_unix_paths(!program.inherited);
        if (server.first != nullptr) return fail(server.log, ran.error().message);
        std::fprintf(stderr, "berth: [emerg] %s\n", ran.error().message.c_str());
        return 1;
    }
    return 0;
}

void redirect_standard_error(const Log& log) {
    if (log.has_standard_error()) return;
    if (const int fd = log.first_file(); fd >= 0) ::dup2(fd, STDERR_FILENO);
}

}  // namespace berth

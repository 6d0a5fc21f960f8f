// Finding the running server, and asking it.
#include "event/process/remote.hpp"

#include <signal.h>

#include <cstdio>

#include "core/build_info.hpp"
#include "core/config/include.hpp"
#include "event/process/control.hpp"
#include "event/process/generation.hpp"
#include "event/process/pid_file.hpp"
#include "event/process/process_conf.hpp"

namespace berth {

namespace {

constexpr Duration kShort{10'000};

struct RunningServer {
    std::string pid_file;
    std::string control;  // empty: off
};

// What the last `name` of the main context says; empty when nothing does.
std::string word_of(const ConfigTree& tree, std::string_view name) {
    std::string found;
    for (const Node& node : tree.root.children) {
        if (node.name == name && node.args.size() == 1) found = node.args[0].text;
    }
    return found;
}

// The report of a configuration that cannot be read so far that it names its pid file: whatever runs by the
// default one may be another server.
Result<RunningServer> find_server(const CycleOptions& options) {
    const Cycle paths(options);
    ConfigTree tree;
    Diagnostics findings;
    const bool read =
        read_config(paths.conf_file(), options.extra_directives, Grammar::instance(), tree, findings);
    RunningServer server;
    const std::string pid = word_of(tree, "pid");
    if (!read && pid.empty()) return Error(findings.report(paths.conf_file()));
    server.pid_file = paths.below_prefix(pid.empty() ? BERTH_PID_PATH : pid);
    const std::string control = word_of(tree, "control");
    if (control.empty()) {
        server.control = default_control_path(server.pid_file);
    } else if (control.starts_with("unix:")) {
        server.control = paths.below_prefix(control.substr(5));
    }
    return server;
}

int complain(const std::string& text) {
    std::fprintf(stderr, "berth: [error] %s\n", text.c_str());
    return 1;
}

int show(const ControlAnswer& answer) {
    std::fputs(answer.text.c_str(), answer.success ? stdout : stderr);
    return answer.success ? 0 : 1;
}

int number_of(const std::string& command) {
    if (command == "stop") return SIGTERM;
    if (command == "quit") return SIGQUIT;
    return command == "reload" ? SIGHUP : SIGUSR1;
}

int send_signal(const RunningServer& server, const std::string& command) {
    Result<pid_t> pid = PidFile::read(server.pid_file);
    if (!pid) return complain(pid.error().message);
    if (::kill(*pid, number_of(command)) == 0) return 0;
    const int error_number = errno;
    std::string text = "kill(" + std::to_string(*pid) + ", " + command + ") failed (" +
                       std::to_string(error_number) +
                       (error_number == ESRCH ? ": no such process: the pid file is stale)" : ")");
    return complain(text);
}

}  // namespace

int tell_running_server(const CycleOptions& options, const std::string& command) {
    const Result<RunningServer> found = find_server(options);
    if (!found) return show({found.error().message, false});
    const RunningServer& server = *found;
    if (server.control.empty()) {
        // A signal has no answer: what is wrong is said here, not in the log alone.
        const LoadReport report = command == "reload" ? check_configuration(options) : LoadReport();
        return report.failed ? show({report.text, false}) : send_signal(server, command);
    }
    // Loading takes as long as it takes; the rest is answered at once.
    Result<ControlAnswer> answer =
        ask_control(server.control, command, command == "reload" ? Duration(-1) : kShort);
    if (!answer) {
        // Only who has understood the question can be asked by a signal a second time.
        const int code = answer.error().code;
        const bool asked = code == ETIMEDOUT || code == ECONNRESET;
        return asked ? complain(answer.error().message) : send_signal(server, command);
    }
    return show(*answer);
}

int ask_running_server(const CycleOptions& options, const std::string& line) {
    const Result<RunningServer> found = find_server(options);
    if (!found) return show({found.error().message, false});
    if (found->control.empty()) {
        return complain(
            "the configuration says \"control off\": without a control socket nobody can be asked");
    }
    if (line.size() > ControlServer::kMaxRequest) {
        return complain("the command is too long: " + std::to_string(line.size()) + " bytes");
    }
    // It may wait for a reload that is under way.
    Result<ControlAnswer> answer = ask_control(found->control, line, Duration(-1));
    if (answer) return show(*answer);
    const int code = answer.error().code;
    const bool nobody = code == ENOENT || code == ECONNREFUSED;
    return complain(answer.error().message +
                    (nobody ? "; does the server run, and with this configuration?" : ""));
}

}  // namespace berth

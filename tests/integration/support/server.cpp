// Starting, watching and ending servers under test.
#include "tests/integration/support/server.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "tests/support/left_out.hpp"

namespace berth::test {

namespace {

constexpr std::size_t kPorts = 10;

std::string environment(const char* name, const std::string& otherwise) {
    const char* value = ::getenv(name);
    return value != nullptr && *value != '\0' ? value : otherwise;
}

void replace_all(std::string& text, const std::string& what, const std::string& by) {
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + by.size())) {
        text.replace(at, what.size(), by);
    }
}

// Is the directive written at the start of a line or behind `;`?
bool says(const std::string& config, const std::string& name) {
    for (std::size_t at = config.find(name); at != std::string::npos; at = config.find(name, at + 1)) {
        std::size_t before = at;
        while (before > 0 && config[before - 1] == ' ') --before;
        const bool starts = before == 0 || config[before - 1] == '\n' || config[before - 1] == ';';
        const char after = at + name.size() < config.size() ? config[at + name.size()] : ' ';
        if (starts && (after == ' ' || after == ':' || after == '{')) return true;
    }
    return false;
}

pid_t parent_of(pid_t pid) {
    const std::string stat = file_text("/proc/" + std::to_string(pid) + "/stat");
    const std::size_t behind_name = stat.rfind(')');
    if (behind_name == std::string::npos) return 0;
    std::istringstream rest(stat.substr(behind_name + 1));
    std::string state;
    pid_t parent = 0;
    rest >> state >> parent;
    return state == "Z" ? 0 : parent;
}

}  // namespace

Port::Port() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) != 0) throw std::runtime_error("bind");
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    number_ = ntohs(address.sin_port);
}

Port::~Port() {
    if (fd_ >= 0) ::close(fd_);
}

std::string server_program() {
    return std::filesystem::absolute(environment("BERTH_SERVER", "./server")).string();
}
std::string source_folder() {
    return std::filesystem::absolute(environment("BERTH_SOURCE_DIR", ".")).string();
}

std::size_t occurrences(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + part.size())) ++count;
    return count;
}

bool alive(pid_t pid) { return pid > 0 && parent_of(pid) != 0; }

std::string title_of(pid_t pid) {
    std::string text = file_text("/proc/" + std::to_string(pid) + "/cmdline");
    std::ranges::replace(text, '\0', ' ');
    while (text.ends_with(' ')) text.pop_back();
    return text;
}

Server::Server(std::string_view config, ServerOptions options) : options_(std::move(options)) {
    // Orphans come to us: nothing that a test started stays behind unseen.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    for (std::size_t i = 0; i < kPorts; ++i) ports_.emplace_back();
    set_config(config);
    if (options_.start && !start()) {
        ADD_FAILURE() << "the server did not start\n"
                      << err() << error_log() << "\n"
                      << folder_.read(options_.config_name);
    }
}

Server::~Server() {
    end_all();
    const std::string texts = error_log() + err();
    for (const char* finding : {"ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "runtime error:"}) {
        if (texts.find(finding) != std::string::npos) ADD_FAILURE() << texts;
    }
}

std::string Server::fill(std::string_view config) const {
    std::string text(config);
    const bool yaml = options_.config_name.ends_with(".yaml");
    const std::string poller = environment("BERTH_TEST_POLLER", "");
    auto add = [&](const std::string& name, const std::string& value) {
        if (!says(text, name)) text = name + (yaml ? ": " + value : " " + value + ";") + "\n" + text;
    };
    add("daemon", "off");
    add("pid", "berth.pid");
    add("error_log", "error.log info");
    const std::string use = poller.empty() ? "" : yaml ? "use: " + poller : "use " + poller + ";";
    if (!says(text, "events")) {
        text = (yaml ? "events: {" + use + "}\n" : "events { " + use + " }\n") + text;
    } else if (!poller.empty() && !yaml && text.find("use ") == std::string::npos) {
        const std::size_t brace = text.find('{', text.find("events"));
        text.insert(brace + 1, " " + use);
    }
    for (std::size_t i = 0; i < kPorts; ++i) {
        replace_all(text, "{port" + std::to_string(i) + "}", std::to_string(port(i)));
    }
    replace_all(text, "{port}", std::to_string(port(0)));
    replace_all(text, "{dir}", folder_.path());
    return text;
}

void Server::set_config(std::string_view config) { folder_.write(options_.config_name, fill(config)); }

std::vector<std::string> Server::base_arguments() const {
    return {options_.program.empty() ? server_program() : options_.program,
            "-c",
            config_path(),
            "-p",
            folder_.path() + "/",
            "-e",
            "error.log"};
}

bool Server::start() {
    std::vector<std::string> arguments = base_arguments();
    arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
    RunOptions how;
    how.folder = folder_.path();
    how.environment = options_.environment;
    how.third = options_.third;
    exited_ = false;
    started_ = start_program(arguments, how, folder_ / "out.txt", folder_ / "err.txt");
    groups_.push_back(started_);
    int status = 0;
    eventually([&] {
        exited_ = exited_ || ::waitpid(started_, &status, WNOHANG) == started_;
        return exited_ || alive(master());
    });
    exit_status_ = status;
    if (alive(master())) return true;
    skip_if_left_out(err() + error_log());
    return false;
}

RunResult Server::command(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = base_arguments();
    arguments.insert(arguments.end(), more.begin(), more.end());
    RunOptions how;
    how.folder = folder_.path();
    RunResult result = run_program(arguments, how);
    skip_if_left_out(result.out + result.err);
    return result;
}

pid_t Server::master() const {
    const pid_t pid = static_cast<pid_t>(std::atoi(folder_.read("berth.pid").c_str()));
    if (pid > 0 && std::ranges::find(groups_, pid) == groups_.end()) groups_.push_back(pid);
    return pid;
}

std::vector<pid_t> Server::children(pid_t parent) const {
    std::vector<pid_t> found;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const pid_t pid = static_cast<pid_t>(std::atoi(entry.path().filename().c_str()));
        if (pid > 0 && parent_of(pid) == parent) found.push_back(pid);
    }
    return found;
}

std::vector<pid_t> Server::titled(std::string_view role, pid_t parent) const {
    std::vector<pid_t> found = children(parent != 0 ? parent : master());
    std::erase_if(found, [&](pid_t pid) { return !title_of(pid).starts_with(role); });
    return found;
}

std::vector<pid_t> Server::workers(pid_t parent) const { return titled("berth: worker", parent); }

std::vector<pid_t> Server::fronts() const { return titled("berth: front", 0); }

void Server::signal(int number) const {
    const pid_t pid = master();
    if (pid > 1) ::kill(pid, number);
}

int Server::wait_exit() {
    int status = exit_status_;
    if (!exited_) exited_ = eventually([&] { return ::waitpid(started_, &status, WNOHANG) == started_; });
    if (!exited_) return -1;
    exit_status_ = status;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Server::wait_log(std::string_view text, std::size_t times) const {
    return eventually([&] { return occurrences(error_log(), text) >= times; });
}

void Server::end_all() {
    static_cast<void>(master());  // so that its group is known
    auto gone = [&](pid_t group) {
        while (::waitpid(-group, nullptr, WNOHANG) > 0) {}
        return ::kill(-group, 0) != 0;
    };
    for (const pid_t group : groups_) {
        if (group <= 1) continue;
        ::kill(-group, SIGTERM);
        if (!eventually([&] { return gone(group); }))
            ADD_FAILURE() << "processes had to be killed: " << group;
        ::kill(-group, SIGKILL);
        eventually([&] { return gone(group); });
    }
}

}  // namespace berth::test

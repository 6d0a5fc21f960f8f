// Server: a real ./server in a folder of its own, on ports nobody else has, gone when the test is over.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/integration/support/files.hpp"
#include "tests/integration/support/program.hpp"

namespace berth::test {

// A port of 127.0.0.1 (and of the other addresses) that the kernel gives nobody else while this exists:
// bound, but not listening, which lets the server bind it too.
class Port {
 public:
    Port();
    Port(Port&& other) noexcept : fd_(other.fd_), number_(other.number_) { other.fd_ = -1; }
    Port& operator=(Port&&) = delete;
    ~Port();
    std::uint16_t number() const noexcept { return number_; }

 private:
    int fd_;
    std::uint16_t number_ = 0;
};

// The program under test: BERTH_SERVER, else ./server; and the source tree: BERTH_SOURCE_DIR, else this
// folder.
std::string server_program();
std::string source_folder();

struct ServerOptions {
    bool start = true;                      // false: the test calls start() itself
    std::string config_name = "test.conf";  // test.yaml for YAML
    std::vector<std::string> arguments;     // besides -c and -p
    std::vector<std::string> environment;   // NAME=VALUE
    std::string program{};                  // empty: server_program()
    int third = -1;                         // what it has open as descriptor 3
};

// The configuration is text in which {port}, {port1}, … {port9} stand for free ports and {dir} for the
// folder. What it does not say itself is added: `daemon off`, `pid berth.pid`, `error_log error.log info`,
// events{} (with `use poll` when BERTH_TEST_POLLER says so). The folder is the prefix.
class Server {
 public:
    explicit Server(std::string_view config, ServerOptions options = {});
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    // Ends everything that was started here, also after a failed test, and then fails the test if the error
    // log shows what a sanitizer has found.
    ~Server();

    // Starts it and waits until it serves: its pid file names a living process. False when it ended instead.
    bool start();
    void set_config(std::string_view config);
    // ./server -c CONFIG -p FOLDER with these.
    RunResult command(const std::vector<std::string>& arguments);
    RunResult reload() { return command({"-s", "reload"}); }

    std::uint16_t port(std::size_t number = 0) const { return ports_[number].number(); }
    const TempFolder& folder() const noexcept { return folder_; }
    std::string config_path() const { return folder_ / options_.config_name; }
    // The process that was started, and the one in the pid file (0: none).
    pid_t started() const noexcept { return started_; }
    pid_t master() const;
    // The children of `parent` (default: the master) whose title begins with "berth: worker", "berth: front",
    // or of any title.
    std::vector<pid_t> workers(pid_t parent = 0) const;
    std::vector<pid_t> fronts() const;
    std::vector<pid_t> children(pid_t parent) const;

    void signal(int number) const;  // to the master
    // Waits for the process that was started; its exit code, 128 + signal, -1 when it did not end.
    int wait_exit();
    std::string error_log() const { return folder_.read("error.log"); }
    // Waits until the error log has `text` at least `times` times.
    bool wait_log(std::string_view text, std::size_t times = 1) const;
    std::string out() const { return folder_.read("out.txt"); }
    std::string err() const { return folder_.read("err.txt"); }

 private:
    std::string fill(std::string_view config) const;
    std::vector<std::string> base_arguments() const;
    std::vector<pid_t> titled(std::string_view role, pid_t parent) const;
    void end_all();

    ServerOptions options_;
    std::vector<Port> ports_;
    TempFolder folder_;
    pid_t started_ = 0;
    int exit_status_ = 0;
    bool exited_ = false;
    mutable std::vector<pid_t> groups_;  // of every process ever seen to belong here
};

// How often `part` is in `text`.
std::size_t occurrences(std::string_view text, std::string_view part);
// True while the process exists and is no zombie.
bool alive(pid_t pid);
// Its title or command line, words separated by blanks.
std::string title_of(pid_t pid);

}  // namespace berth::test

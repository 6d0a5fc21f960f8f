// fork, exec, wait.
#include "tests/integration/support/program.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/integration/support/files.hpp"

namespace berth::test {

pid_t start_program(const std::vector<std::string>& arguments, const RunOptions& options,
                    const std::string& out, const std::string& err) {
    std::vector<char*> argv;
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const std::string in = out + ".in";
    if (!options.input.empty()) {
        const int fd = ::open(in.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
        if (::write(fd, options.input.data(), options.input.size()) < 0)
            throw std::runtime_error("write " + in);
        ::close(fd);
    }
    const pid_t pid = ::fork();
    if (pid < 0) throw std::runtime_error("fork");
    if (pid != 0) {
        ::setpgid(pid, pid);  // here too: whoever is first
        return pid;
    }
    ::setpgid(0, 0);
    ::dup2(::open(options.input.empty() ? "/dev/null" : in.c_str(), O_RDONLY), 0);
    ::dup2(::open(out.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0644), 1);
    ::dup2(::open(err.c_str(), O_CREAT | O_APPEND | O_WRONLY, 0644), 2);
    if (options.third >= 0) ::dup2(::dup(options.third), 3);  // a copy: it stays open over the exec
    ::closefrom(options.third >= 0 ? 4 : 3);
    if (!options.folder.empty() && ::chdir(options.folder.c_str()) != 0) ::_exit(126);
    for (const std::string& variable : options.environment) ::putenv(const_cast<char*>(variable.c_str()));
    ::execvp(argv[0], argv.data());
    ::_exit(127);
}

RunResult run_program(const std::vector<std::string>& arguments, const RunOptions& options) {
    const TempFolder folder;
    const pid_t pid = start_program(arguments, options, folder / "out", folder / "err");
    int status = 0;
    RunResult result;
    if (eventually([&] { return ::waitpid(pid, &status, WNOHANG) == pid; })) {
        result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    } else {
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, &status, 0);
    }
    result.out = folder.read("out");
    result.err = folder.read("err");
    return result;
}

bool has_program(const std::string& name) {
    return run_program({"sh", "-c", "command -v " + name}).code == 0;
}

}  // namespace berth::test

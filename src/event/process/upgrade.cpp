// Executing the next binary.
#include "event/process/upgrade.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "core/text/number.hpp"
#include "event/listener.hpp"
#include "event/process/signals.hpp"

extern char** environ;

namespace berth {

namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> all;
    for (std::string& word : words) all.push_back(word.data());
    all.push_back(nullptr);
    return all;
}

std::string to_hex(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
    return text;
}

std::optional<std::string> take_variable(const char* name) {
    const char* value = ::getenv(name);
    if (value == nullptr) return std::nullopt;
    std::string text = value;
    ::unsetenv(name);
    return text;
}

}  // namespace

Result<pid_t> start_new_binary(const Program& program, const ListenerSet& listeners,
                               const AcceptMaster& sharing, std::string_view front_secret) {
    // Everything that allocates happens before the fork.
    std::vector<std::string> arguments = program.arguments;
    std::vector<std::string> environment;
    const std::array<std::pair<const char*, std::string>, 3> ours{
        {{kInheritedVariable, listeners.inheritance()},
         {kFrontSecretVariable, to_hex(front_secret)},
         {kAskedVariable, sharing.inheritance()}}};
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto is_it = [&](const auto& one) { return text.starts_with(std::string(one.first) + "="); };
        if (std::ranges::none_of(ours, is_it)) environment.emplace_back(text);
    }
    for (const auto& [name, value] : ours) environment.push_back(std::string(name) + "=" + value);
    const std::vector<char*> argv = pointers(arguments);
    const std::vector<char*> envp = pointers(environment);

    const pid_t pid = ::fork();
    if (pid < 0) return system_error("fork", "", errno);
    if (pid == 0) {
        listeners.keep_over_exec();
        sharing.keep_over_exec();
        release_signals();
        ::execve(program.executable.c_str(), argv.data(), envp.data());
        ::_exit(127);
    }
    return pid;
}

std::optional<std::string> take_inheritance() { return take_variable(kInheritedVariable); }

std::string take_asked_sockets() { return take_variable(kAskedVariable).value_or(std::string()); }

// All that the server opens, and what it has inherited, would be closed by an exec.
std::vector<int> others_listening_sockets(std::string_view asked) {
    std::vector<int> found;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", failed)) {
        const int fd =
            static_cast<int>(parse_unsigned(entry.path().filename().string(), 1 << 30).value_or(0));
        const std::string line = std::to_string(fd) + ' ';
        const bool is_asked = asked.starts_with(line) || asked.find('\n' + line) != std::string_view::npos;
        const int flags = ::fcntl(fd, F_GETFD);
        if (fd <= 2 || is_asked || flags < 0 || (flags & FD_CLOEXEC) != 0 || !is_listening(fd)) continue;
        found.push_back(fd);
    }
    return found;
}

std::string take_front_secret() {
    const std::string value = take_variable(kFrontSecretVariable).value_or(std::string());
    std::string bytes;
    for (std::string_view text = value; text.size() >= 2; text.remove_prefix(2)) {
        unsigned byte = 0;
        if (std::from_chars(text.data(), text.data() + 2, byte, 16).ptr != text.data() + 2) break;
        bytes += static_cast<char>(byte);
    }
    return bytes;
}

std::string Program::command_line() const {
    std::string all;
    for (const std::string& argument : arguments) {
        if (!all.empty()) all += ' ';
        all += argument;
    }
    return all;
}

std::string executable_path(const std::string& name) {
    char buffer[4096];
    if (name.starts_with('/')) return name;
    if (name.find('/') != std::string::npos && ::getcwd(buffer, sizeof(buffer)) != nullptr) {
        return std::string(buffer) + "/" + name;
    }
    const ssize_t length = ::readlink("/proc/self/exe", buffer, sizeof(buffer));
    return length > 0 ? std::string(buffer, static_cast<std::size_t>(length)) : name;
}

}  // namespace berth

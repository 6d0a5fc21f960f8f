// Reading /proc, and asking workers who they are.
#include "tests/integration/accept/workers_of.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>

namespace berth::test {

namespace {

pid_t number(std::string_view text) {
    pid_t pid = 0;
    std::from_chars(text.data(), text.data() + text.size(), pid);
    return pid;
}

}  // namespace

bool asleep(pid_t pid) {
    return file_text(fmt::format("/proc/{}/status", pid)).find("State:\tS") != std::string::npos;
}

std::string answering_pid(unsigned workers, std::string_view events, std::string_view listen,
                          std::string_view main) {
    return fmt::format(
        "worker_processes {}; {}\nevents {{ worker_connections 2048; {} }}\n"
        "http {{ server {{ listen 127.0.0.1:{{port}} {}; location / {{ return 200 $pid; }} }} }}\n",
        workers, main, events, listen);
}

bool fronted(const Server& server, std::size_t workers, std::size_t fronts) {
    return eventually([&] {
        return server.workers().size() == workers && server.fronts().size() == fronts &&
               fetch(server.port(), "/").status == 200;
    });
}

bool at_rest(const Server& server, std::size_t workers) {
    return eventually([&] {
        const std::vector<pid_t> all = server.workers();
        return all.size() == workers && std::ranges::all_of(all, asleep);
    });
}

std::uint64_t voluntary_switches(const std::vector<pid_t>& workers) {
    constexpr std::string_view kName = "\nvoluntary_ctxt_switches:\t";
    std::uint64_t sum = 0;
    for (const pid_t pid : workers) {
        const std::string status = file_text(fmt::format("/proc/{}/status", pid));
        const std::size_t at = status.find(kName);
        if (at != std::string::npos) sum += std::strtoull(status.c_str() + at + kName.size(), nullptr, 10);
    }
    return sum;
}

pid_t pid_of(const Response& response) { return std::atoi(response.body.c_str()); }

pid_t who_answers(std::uint16_t port) {
    Client client(port);
    if (!client.get("/", "Connection: close\r\n")) return 0;
    const Response response = client.read_response();
    return response.complete && response.status == 200 ? number(response.body) : 0;
}

std::size_t accepted(std::uint16_t port) {
    std::istringstream lines(file_text("/proc/net/tcp"));
    const std::string local = fmt::format("0100007F:{:04X}", port);
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::vector<std::string> all;
        for (std::string word; words >> word;) all.push_back(word);
        count += all.size() > 9 && all[1] == local && all[3] == "01" && all[9] != "0" ? 1 : 0;
    }
    return count;
}

std::map<pid_t, unsigned> spread(std::uint16_t port, unsigned connections) {
    std::vector<Client> clients;
    for (unsigned i = 0; i < connections; ++i) clients.emplace_back(port);
    std::map<pid_t, unsigned> counts;
    for (Client& client : clients) {
        if (!client.get("/")) continue;
        ++counts[number(client.read_response().body)];
    }
    return counts;
}

rlimit forbid_descriptors(pid_t pid, rlim_t left) {
    const std::string folder = "/proc/" + std::to_string(pid) + "/fd/";
    rlim_t lowest = 0;
    const auto open = [&](rlim_t fd) { return std::filesystem::is_symlink(folder + std::to_string(fd)); };
    while (open(lowest)) ++lowest;
    for (; left > 0; --left) {
        do {
            ++lowest;
        } while (open(lowest));
    }
    rlimit before{};
    EXPECT_EQ(::prlimit(pid, RLIMIT_NOFILE, nullptr, &before), 0);
    const rlimit now{lowest, before.rlim_max};
    EXPECT_EQ(::prlimit(pid, RLIMIT_NOFILE, &now, nullptr), 0);
    return before;
}

bool upgrade_wholly(Server& server) {
    const pid_t old = server.master();
    ::kill(old, SIGUSR2);
    const bool begun = eventually([&] {
        return server.folder().has("berth.pid.oldbin") && server.master() != 0 && server.master() != old;
    });
    if (!begun || !eventually([&] { return !server.workers().empty(); })) return false;
    ::kill(old, SIGWINCH);
    if (!eventually([&] { return server.workers(old).empty(); })) return false;
    ::kill(old, SIGQUIT);
    return eventually([&] { return !alive(old); });
}

std::vector<Client> crowd(const Server& server, std::size_t count, std::string_view headers) {
    std::vector<Client> clients;
    for (std::size_t i = 0; i < count; ++i) clients.emplace_back(server.port());
    for (Client& client : clients) EXPECT_TRUE(client.get("/", headers));
    return clients;
}

bool has_answer(const Client& client) {
    char byte = 0;
    return ::recv(client.fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

std::size_t answered(const std::vector<Client>& clients) {
    return static_cast<std::size_t>(std::ranges::count_if(clients, has_answer));
}

}  // namespace berth::test

// Holds connections.
#include "tests/bench/client/hold.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "tests/bench/client/answer.hpp"
#include "tests/bench/client/sockets.hpp"

namespace berth::bench {
namespace {

constexpr unsigned kPatience = 3;  // failures, each of which may take long

bool ask(int fd, const std::string& request) {
    if (send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return false;
    Answer answer;
    char bytes[16384];
    while (true) {
        const ssize_t got = recv(fd, bytes, sizeof bytes, 0);
        if (got <= 0) return false;
        const Answer::State state = answer.feed({bytes, static_cast<std::size_t>(got)});
        if (state != Answer::State::more) return state == Answer::State::complete && answer.status() == 200;
    }
}

}  // namespace

int hold(const Options& options) {
    const std::string request = request_for(options.path, false);
    std::vector<int> held;
    unsigned failed = 0;
    for (unsigned i = 0; i < options.hold && failed < kPatience; ++i) {
        const int fd = open_connection(options.port, true);
        if (fd == -1 || (options.ask && !ask(fd, request))) ++failed;
        if (fd != -1) held.push_back(fd);
        if (options.pause_us > 0) usleep(options.pause_us);
    }
    std::puts("holding");
    std::fflush(stdout);
    char byte = 0;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    for (const int fd : held) close(fd);
    std::printf("{\"held\": %zu, \"failed\": %u}\n", held.size(), failed);
    return 0;
}

}  // namespace berth::bench

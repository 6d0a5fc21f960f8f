// The control socket: one line asks, a few lines answer. `./server -s …` on one side, the master on the
// other.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <string_view>

#include "core/log/log.hpp"
#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/loop.hpp"

namespace berth {

// What somebody asked for: "reload", "reopen", "stop", "quit", "status", or the command of a module. Answered
// by ControlServer::answer(), which may be much later.
struct ControlRequest {
    std::uint64_t client = 0;
    std::string_view command;
    std::string_view who = {};  // "uid 0, pid 12", by the kernel's word
};

// Listens on a unix socket, mode 0600. A peer that is neither root nor this process's user is turned away
// (SO_PEERCRED, unix(7)).
class ControlServer {
 public:
    static constexpr std::size_t kMaxRequest = 4096;
    static constexpr Duration kTimeout{10'000};

    ControlServer(EventLoop& loop, Callback<const ControlRequest&> asked) noexcept;
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

    // From here on at most so many clients at once; more wait until one has left. Who has not asked `timeout`
    // after it came, or not read its answer, is dropped. The log outlives this, or the next call.
    void limit(std::size_t clients, Duration timeout, Log& log) noexcept;
    // Peers that were turned away because of who they are; and those dropped because of what they did.
    std::uint64_t refused() const noexcept { return refused_; }
    std::uint64_t dropped() const noexcept { return dropped_; }

    // A socket that nobody answers on is replaced; anything else at this path is an error. When it listens
    // already it moves to the new path, clients stay.
    Result<void> listen(const std::string& path);
    const std::string& path() const noexcept { return path_; }
    // Moves the socket's path, clients stay: to PATH.oldbin and back.
    void rename(const std::string& path) noexcept;
    // Sends the text, one "| " line for each of its lines, and the verdict; ends the conversation. Harmless
    // when the client has left.
    void answer(std::uint64_t client, std::string_view text, bool success);
    // Deletes the path; whoever has asked already gets an answer all the same.
    void stop_listening() noexcept;
    // Ends everything and deletes the path. In a forked child, abandon() instead: the path stays.
    void close() noexcept;
    void abandon() noexcept;

 private:
    struct Client {
        Client(ControlServer& owner, FileDescriptor socket, std::uint64_t its_number, std::string peer);
        void on_ready(Readiness readiness);
        void on_timeout();

        ControlServer& server;
        FileDescriptor fd;
        std::uint64_t number;
        std::string who;
        std::string in;
        std::string out;
        bool asked = false;
        bool finished = false;  // answered: closed when `out` is sent
        Watcher watcher;
        Timer limit;
    };

    void on_connect(Readiness);
    void accept_again();
    void let_go() noexcept;
    void read(Client& client);
    void write(Client& client);
    void drop(Client& client);
    void bury();

    EventLoop& loop_;
    Callback<const ControlRequest&> asked_;
    std::string path_;
    FileDescriptor fd_;
    std::uint64_t last_number_ = 0;
    std::size_t limit_ = 64;
    Duration timeout_ = kTimeout;
    std::uint64_t refused_ = 0;
    std::uint64_t dropped_ = 0;
    bool full_ = false;  // so many that nobody is accepted
    Log* log_ = nullptr;
    std::list<Client> clients_;
    std::list<Client> dead_;
    Watcher watcher_;
    Timer again_;
    Task bury_;
};

// What a process does for whoever asks. A reload is answered later, by the client's number.
struct ControlCommands {
    Log& log;  // who asked
    Callback<std::uint64_t> reload;
    std::string status;
    Callback<> reopen;
    Callback<> stop;
    Callback<> quit;
    Callback<const ControlRequest&> other;  // any other word
};
void obey(ControlServer& server, const ControlRequest& request, const ControlCommands& commands);

struct ControlAnswer {
    std::string text;
    bool success = false;
};

// Asks the server that listens on `path` and waits for its answer, at most `timeout` (negative: as long as it
// takes). An error means that there is no such server or it went away; with code ETIMEDOUT or ECONNRESET it
// may have got the question, with any other it has not.
Result<ControlAnswer> ask_control(const std::string& path, std::string_view command, Duration timeout);

}  // namespace berth

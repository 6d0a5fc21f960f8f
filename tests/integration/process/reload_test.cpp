// Reload: nothing is lost, nothing is applied by halves, and -s reload tells the truth.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {

namespace {

std::string config(std::string_view text, std::string_view more = "") {
    return "worker_processes 2;\n" + std::string(more) +
           "\nhttp { server { listen 127.0.0.1:{port}; location / { return 200 \"" + std::string(text) +
           "\"; } } }\n";
}

// What the descriptors of a process stand for.
std::vector<std::string> open_files(pid_t pid) {
    std::vector<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
        std::error_code gone;
        files.push_back(std::filesystem::read_symlink(entry.path(), gone).string());
    }
    return files;
}

TEST(ReloadTest, UnderLoadNothingFailsAndNothingIsClosedWithoutNotice) {
    Server server(config("one"));
    Load load(server.port(), "/");
    for (unsigned i = 0; i < long_run(20U, 200U); ++i) {
        server.set_config(config(i % 2 == 0 ? "two" : "one"));
        ASSERT_TRUE(load.wait_for(50));
        const RunResult result = server.reload();
        ASSERT_EQ(result.code, 0) << result.err << server.error_log();
    }
    ASSERT_TRUE(load.wait_for(50));
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
    EXPECT_GT(load.counts().polite, 0U);
}

TEST(ReloadTest, TellsTheGenerationThatIsActive) {
    Server server(config("one"));
    EXPECT_EQ(fetch(server.port(), "/").body, "one");
    server.set_config(config("two"));
    const RunResult result = server.reload();
    EXPECT_EQ(result.code, 0);
    EXPECT_EQ(result.out, "generation 2 active\n");
    EXPECT_EQ(fetch(server.port(), "/").body, "two");
}

// Ports that follow each other and that the kernel gives nobody else while this exists (see Port).
class AdjacentPorts {
 public:
    AdjacentPorts() {
        constexpr int kTries = 100;
        for (int i = 0; i < kTries && !take(); ++i) {}
    }
    ~AdjacentPorts() { let_go(); }
    std::uint16_t operator[](std::size_t number) const { return static_cast<std::uint16_t>(first_ + number); }
    bool found() const noexcept { return sockets_.size() == kMany; }
    std::string range(std::size_t from) const {
        return std::to_string((*this)[from]) + "-" + std::to_string((*this)[kMany - 1]);
    }

 private:
    static constexpr std::size_t kMany = 3;

    bool take() {
        let_go();
        first_ = Port().number();
        for (std::size_t i = 0; i < kMany && first_ + i <= 65535; ++i) {
            sockets_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
            const int on = 1;
            ::setsockopt(sockets_.back(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
            sockaddr_in address{};
            address.sin_family = AF_INET;
            address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            address.sin_port = htons((*this)[i]);
            const auto* name = reinterpret_cast<const sockaddr*>(&address);
            if (::bind(sockets_.back(), name, sizeof(address)) != 0) return false;
        }
        return found();
    }
    void let_go() {
        for (const int socket : sockets_) ::close(socket);
        sockets_.clear();
    }

    std::uint16_t first_ = 0;
    std::vector<int> sockets_;
};

TEST(ReloadTest, ARangeOfPortsIsServedAndCanShrinkAndGrow) {
    const AdjacentPorts ports;
    ASSERT_TRUE(ports.found());
    const auto ranged = [](const std::string& range) {
        return "worker_processes 2; http { server { listen 127.0.0.1:" + range +
               "; location / { return 200 \"$server_port\"; } } }";
    };
    const auto served = [&](std::size_t i) { return fetch(ports[i], "/").body == std::to_string(ports[i]); };
    Server server(ranged(ports.range(0)));
    for (const std::size_t i : {0U, 1U, 2U}) EXPECT_TRUE(served(i)) << i;
    server.set_config(ranged(ports.range(1)));
    ASSERT_EQ(server.reload().code, 0) << server.error_log();
    EXPECT_TRUE(eventually([&] { return !Client(ports[0]).connected(); }));
    for (const std::size_t i : {1U, 2U}) EXPECT_TRUE(served(i)) << i;
    server.set_config(ranged(ports.range(0)));
    ASSERT_EQ(server.reload().code, 0) << server.error_log();
    for (const std::size_t i : {0U, 1U, 2U}) EXPECT_TRUE(served(i)) << i;
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
}

TEST(ReloadTest, TellsWhatIsWrongAndChangesNothing) {
    Server server(config("one"));
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    const std::vector<pid_t> before = server.workers();
    server.set_config(config("two", "worker_procesess 3;"));
    const RunResult result = server.reload();
    EXPECT_EQ(result.code, 1);
    EXPECT_NE(result.err.find("worker_procesess"), std::string::npos) << result.err;
    EXPECT_NE(result.err.find("did you mean"), std::string::npos) << result.err;
    EXPECT_EQ(fetch(server.port(), "/").body, "one");
    EXPECT_EQ(server.workers(), before);
    EXPECT_NE(server.error_log().find("[emerg]"), std::string::npos);
}

TEST(ReloadTest, AFifoAsIncludeIsRefusedAndNotWaitedFor) {
    Server server(config("one"));
    ASSERT_EQ(::mkfifo((server.folder() / "pipe").c_str(), 0600), 0);
    server.set_config(config("two", "include {dir}/pipe;"));
    const RunResult result = server.reload();
    EXPECT_EQ(result.code, 1);
    EXPECT_NE(result.err.find("is not a regular file"), std::string::npos) << result.err;
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait_exit(), 0);
}

TEST(ReloadTest, TheOneThatTurnsTheControlSocketOffIsStillAnswered) {
    Server server(config("one"));
    server.set_config(config("two", "control off;"));
    Client client = Client::unix_socket(server.folder() / "berth.pid.control");
    ASSERT_TRUE(client.send("reload\n"));
    client.shutdown_write();
    const std::string answer = client.read_all();
    EXPECT_TRUE(answer.ends_with("| generation 2 active\nok\n")) << answer;
    EXPECT_FALSE(server.folder().has("berth.pid.control"));
    EXPECT_EQ(fetch(server.port(), "/").body, "two");
}

// "Generation N active" is true: who connects after that is never answered by an older one.
TEST(ReloadTest, IsOverWhenTheOldWorkersAcceptNoMore) {
    Server server(config("0"));
    for (unsigned i = 1; i <= long_run(20U, 500U); ++i) {
        server.set_config(config(std::to_string(i)));
        ASSERT_EQ(server.reload().code, 0);
        ASSERT_EQ(fetch(server.port(), "/").body, std::to_string(i));
    }
}

TEST(ReloadTest, DoesNotWaitForEverForAWorkerThatIsStopped) {
    const std::string soon = "worker_switch_timeout 200ms;";
    Server server(config("one", soon));
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    const pid_t stuck = server.workers().front();
    ::kill(stuck, SIGSTOP);
    server.set_config(config("two", soon));
    EXPECT_EQ(server.reload().code, 0);
    EXPECT_EQ(occurrences(server.error_log(), "1 old workers have not said within worker_switch_timeout"),
              1U);
    // Nor again in the next one.
    EXPECT_EQ(server.reload().code, 0);
    EXPECT_EQ(occurrences(server.error_log(), "worker_switch_timeout"), 1U);
    ::kill(stuck, SIGCONT);
    EXPECT_TRUE(eventually([&] { return !alive(stuck); }));
}

// A folder or disk of an old log can be taken away once its workers are gone.
TEST(ReloadTest, NewWorkersHoldNoLogsOfTheOldConfiguration) {
    Server server(config("one", "error_log first.log;"));
    server.set_config(config("two", "error_log second.log;"));
    ASSERT_EQ(server.reload().code, 0);
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    for (const std::string& file : open_files(server.workers().front())) {
        EXPECT_FALSE(file.ends_with("/first.log")) << file;
    }
}

TEST(ReloadTest, AfterRotationNobodyHoldsTheOldLog) {
    Server server("error_log error.log notice;\n" + config("one"));
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    ASSERT_EQ(fetch(server.port(), "/").status, 200);
    std::filesystem::rename(server.folder() / "error.log", server.folder() / "old.log");
    ASSERT_EQ(server.command({"-s", "reopen"}).code, 0);
    auto old_log_is_held = [&] {
        for (const pid_t pid : server.workers()) {
            for (const std::string& file : open_files(pid)) {
                if (file.ends_with("/old.log")) return true;
            }
        }
        return false;
    };
    EXPECT_TRUE(eventually([&] { return !old_log_is_held(); }));
}

TEST(ReloadTest, AnAddressInUseChangesNothing) {
    Server other("http { server { listen 127.0.0.1:{port}; return 200 other; } }");
    Server server(config("one"));
    server.set_config(
        "http { server { listen 127.0.0.1:{port}; return 200 two; } server { listen 127.0.0.1:" +
        std::to_string(other.port()) + "; return 200 stolen; } }");
    const RunResult result = server.reload();
    EXPECT_EQ(result.code, 1);
    EXPECT_NE(result.err.find(std::to_string(other.port())), std::string::npos) << result.err;
    EXPECT_EQ(fetch(server.port(), "/").body, "one");
    EXPECT_EQ(fetch(other.port(), "/").body, "other");
}

TEST(ReloadTest, AddressesComeAndGo) {
    Server server(config("one"));
    server.set_config("http { server { listen 127.0.0.1:{port1}; location / { return 200 moved; } } }");
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_EQ(fetch(server.port(1), "/").body, "moved");
    EXPECT_TRUE(eventually([&] { return !Client(server.port(0)).connected(); }));
}

TEST(ReloadTest, BySignalItLeavesOneLineForEachOldWorker) {
    Server server(config("one"));
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    server.signal(SIGHUP);
    ASSERT_TRUE(server.wait_log("generation 2 active"));
    ASSERT_TRUE(server.wait_log("exited with code 0", 2));
    EXPECT_EQ(occurrences(server.error_log(), "exited with code"), 2U);
    EXPECT_EQ(occurrences(server.error_log(), "[alert]"), 0U);
    EXPECT_TRUE(eventually([&] { return server.workers().size() == 2; }));
}

TEST(ReloadTest, AnIdleConnectionIsToldAtItsNextAnswer) {
    Server server(config("one"));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    EXPECT_FALSE(client.read_response().says_close());
    server.set_config(config("two"));
    ASSERT_EQ(server.reload().code, 0);
    ASSERT_TRUE(client.get("/"));
    const Response last = client.read_response();
    EXPECT_EQ(last.body, "one");  // by the configuration it was accepted under
    EXPECT_TRUE(last.says_close());
    EXPECT_TRUE(client.wait_closed());
}

TEST(ReloadTest, AConnectionWithoutAnAnswerYetIsServed) {
    Server server(config("one", "worker_idle_drain 1ms;"));
    Client fresh(server.port());
    Client partial(server.port());
    ASSERT_TRUE(partial.send("GET / HTTP/1.1\r\nHost:"));
    // Both are accepted once a later one is answered by each worker; the log tells when the drain limit has
    // passed.
    ASSERT_EQ(fetch(server.port(), "/").status, 200);
    ASSERT_EQ(server.reload().code, 0);
    ASSERT_TRUE(partial.send(" a\r\n\r\n"));
    EXPECT_EQ(partial.read_response().body, "one");
    ASSERT_TRUE(fresh.get("/"));
    EXPECT_EQ(fresh.read_response().status, 200);
}

TEST(ReloadTest, IdleConnectionsEndAtTheDrainLimit) {
    Server server(config("one", "worker_idle_drain 1ms;"));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    ASSERT_EQ(client.read_response().status, 200);
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_TRUE(client.wait_closed());
    EXPECT_TRUE(server.wait_log("closed after worker_idle_drain"));
}

TEST(ReloadTest, TheShutdownTimeoutEndsWhatIsLeft) {
    Server server(config("one", "worker_shutdown_timeout 1ms;"));
    Client client(server.port());
    ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nHost:"));
    ASSERT_EQ(fetch(server.port(), "/").status, 200);
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_TRUE(server.wait_log("exited with code 0", 2));
}

TEST(ReloadTest, InASingleProcess) {
    Server server(config("one", "master_process off;"));
    Client client(server.port());
    ASSERT_TRUE(client.get("/"));
    EXPECT_EQ(client.read_response().body, "one");
    server.set_config(config("two", "master_process off;"));
    const RunResult result = server.reload();
    EXPECT_EQ(result.out, "generation 2 active\n");
    EXPECT_EQ(fetch(server.port(), "/").body, "two");
    ASSERT_TRUE(client.get("/"));
    EXPECT_EQ(client.read_response().body, "one");
    EXPECT_TRUE(client.wait_closed());
    server.set_config(config("three", "master_process off; bogus on;"));
    EXPECT_EQ(server.reload().code, 1);
    EXPECT_EQ(fetch(server.port(), "/").body, "two");
    EXPECT_EQ(server.command({"-s", "quit"}).code, 0);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_FALSE(server.folder().has("berth.pid"));
}

// What only a master can do is answered with why nothing happens.
TEST(ReloadTest, ASingleProcessSaysWhatItCannotDo) {
    Server server(config("one", "master_process off;"));
    for (const int number : {SIGTTIN, SIGTTOU, SIGWINCH}) server.signal(number);
    EXPECT_TRUE(server.wait_log("there are no workers to stop, add or remove", 3)) << server.error_log();
    server.signal(SIGUSR2);
    EXPECT_TRUE(server.wait_log("no binary upgrade"));
    EXPECT_EQ(fetch(server.port(), "/").body, "one");
}

}  // namespace

}  // namespace berth::test

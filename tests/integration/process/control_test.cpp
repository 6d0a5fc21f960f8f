// The control socket of a real server: who may use it, and what those do to others who use it badly.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

std::string config(std::string_view main) {
    return std::string(main) +
           " http { upstream node { server 127.0.0.1:9; } server { listen 127.0.0.1:{port}; location / { "
           "proxy_pass http://node; } } }";
}

std::string socket_of(const Server& server) { return server.folder() / "berth.pid.control"; }

// What a process of this user is told; with system calls only, for it is a fork of one with threads.
std::string ask_as(uid_t user, const std::string& path, std::string_view line) {
    int ends[2];
    if (::pipe(ends) != 0) return "no pipe";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    const pid_t child = ::fork();
    if (child == 0) {
        char buffer[512];
        if (::setresgid(user, user, user) != 0 || ::setresuid(user, user, user) != 0) ::_exit(1);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            static_cast<void>(!::write(ends[1], "no connection", 13));
            ::_exit(0);
        }
        static_cast<void>(::send(fd, line.data(), line.size(), MSG_NOSIGNAL));
        for (ssize_t got = 0; (got = ::read(fd, buffer, sizeof buffer)) > 0;) {
            static_cast<void>(!::write(ends[1], buffer, static_cast<std::size_t>(got)));
        }
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string told;
    char buffer[512];
    for (ssize_t got = 0; (got = ::read(ends[0], buffer, sizeof buffer)) > 0;) {
        told.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return told;
}

TEST(ControlSocket, IsForRootAndTheServersUserOnly) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
    constexpr uid_t kNobody = 65534;
    Server server(config("worker_processes 1;"));
    EXPECT_EQ(ask_as(kNobody, socket_of(server), "stop\n"), "no connection") << "it is mode 0600";
    // Even when somebody opened it to all: the kernel says who asks.
    ASSERT_EQ(::chmod(socket_of(server).c_str(), 0666), 0);
    EXPECT_EQ(ask_as(kNobody, socket_of(server), "upstream down node 127.0.0.1:9\n"),
              "| only root and the user that the server runs as may ask\nfailed\n");
    EXPECT_TRUE(
        server.wait_log("a client of the control socket was turned away: another user's (uid 65534, pid "));
    EXPECT_EQ(ask_as(0, socket_of(server), "upstream down node 127.0.0.1:9\n").substr(0, 2), "| ");
    EXPECT_TRUE(server.wait_log("command \"upstream down node 127.0.0.1:9\" of uid 0, pid "));
}

TEST(ControlSocket, ClientsThatMisbehaveAreInNobodysWay) {
    Server server(config("worker_processes 1; control_clients 2; control_timeout 500ms;"));
    Client half = Client::unix_socket(socket_of(server));
    half.send("upstream li");
    EXPECT_EQ(server.command({"upstream", "list"}).code, 0) << "beside one that is stuck";
    Client other = Client::unix_socket(socket_of(server));
    other.send("upstream");
    // All places are taken until those two are dropped.
    EXPECT_EQ(server.command({"upstream", "list"}).code, 0);
    EXPECT_TRUE(server.wait_log("was dropped: it asked nothing in time"));
    EXPECT_TRUE(half.wait_closed());

    Client loud = Client::unix_socket(socket_of(server));
    loud.send(std::string(5000, 'x'));
    EXPECT_EQ(loud.read_all(), "| a command has at most 4096 bytes\nfailed\n");
    Client gone = Client::unix_socket(socket_of(server));
    gone.send("upstream list\n");
    gone.close();
    EXPECT_EQ(server.command({"upstream", "list"}).code, 0);
}

TEST(ControlSocket, NonsenseIsRefusedWithAReason) {
    Server server(config("worker_processes 1;"));
    const auto ask = [&](std::string_view line) {
        Client client = Client::unix_socket(socket_of(server));
        client.send(line);
        return client.read_all();
    };
    EXPECT_NE(ask("\n").find("failed\n"), std::string::npos);
    EXPECT_NE(ask("nonsense\n").find("unknown command \"nonsense\""), std::string::npos);
    EXPECT_NE(ask("upstream add \"node\n").find("command:1:14: error"), std::string::npos);
    EXPECT_NE(ask("upstream down node 127.0.0.1:9; stop\n").find("failed\n"), std::string::npos);
    EXPECT_NE(ask("upstream { }\n").find("failed\n"), std::string::npos);
    EXPECT_NE(ask(std::string_view("upst\0ream\n", 10)).find("failed\n"), std::string::npos);
    EXPECT_NE(ask("upstream\n").find("unknown command \"upstream \""), std::string::npos);
    EXPECT_TRUE(alive(server.master()));
    EXPECT_NE(ask("upstream list\n").find("ok\n"), std::string::npos);
}

TEST(ControlSocket, TheCommandLineSaysWhatIsWrong) {
    Server server(config("worker_processes 1;"));
    EXPECT_EQ(server.command({"upstream"}).code, 0);
    EXPECT_NE(server.command({"upstream"}).out.find("usage: server upstream COMMAND"), std::string::npos);
    EXPECT_NE(server.command({"-h"}).out.find("  upstream  "), std::string::npos);
    const RunResult misspelt = server.command({"upstream", "lost"});
    EXPECT_EQ(misspelt.code, 2);
    EXPECT_NE(misspelt.err.find("did you mean \"list\"?"), std::string::npos) << misspelt.err;
    EXPECT_EQ(server.command({"upstreem", "list"}).code, 2);
    EXPECT_EQ(server.command({"upstream", "add", "node"}).code, 2);
    const RunResult refused = server.command({"upstream", "down", "nude", "127.0.0.1:9"});
    EXPECT_EQ(refused.code, 1);
    EXPECT_EQ(refused.out, "");
    EXPECT_NE(refused.err.find("did you mean \"node\"?"), std::string::npos) << refused.err;

    server.signal(SIGTERM);
    EXPECT_EQ(server.wait_exit(), 0);
    const RunResult nobody = server.command({"upstream", "list"});
    EXPECT_EQ(nobody.code, 1);
    EXPECT_NE(nobody.err.find("does the server run"), std::string::npos) << nobody.err;
    server.set_config("control off; http { server { listen 127.0.0.1:{port}; } }");
    EXPECT_NE(server.command({"upstream", "list"}).err.find("control off"), std::string::npos);
}

}  // namespace
}  // namespace berth::test

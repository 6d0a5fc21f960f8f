// Addresses that workers ask the master for while they run: one socket for all, kept across reloads and
// binaries.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "event/listener.hpp"
#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {

namespace {

// The server with tests/modules/asks.
ServerOptions asking() {
    ServerOptions options;
    options.program = server_program() + "_asks";
    return options;
}

std::string config(unsigned workers, std::string_view wishes, std::string_view events = "") {
    return "worker_processes " + std::to_string(workers) + "; " + std::string(wishes) + " events { " +
           std::string(events) + " }";
}

// Who answers there; 0: nobody.
pid_t asked(std::uint16_t port) {
    Client client(port);
    return client.connected() ? std::atoi(client.read_all().c_str()) : 0;
}

bool answers(const Server& server, std::size_t workers) {
    return server.workers().size() == workers && asked(server.port()) != 0;
}

TEST(AskedTest, WorkersThatAskForTheSameAddressShareItInTurns) {
    Server server(config(3, "asks 127.0.0.1:{port};"), asking());
    ASSERT_TRUE(server.wait_log("asked and got 127.0.0.1:" + std::to_string(server.port()), 3));
    std::set<pid_t> pids;
    for (int i = 0; i < 3; ++i) pids.insert(asked(server.port()));
    EXPECT_EQ(pids.size(), 3U);
    EXPECT_EQ(pids.count(0), 0U);
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_EQ(asked(server.port()), 0);
}

TEST(AskedTest, ItSurvivesKillsReloadsAndUpgrades) {
    Server server(config(2, "asks 127.0.0.1:{port};"), asking());
    ASSERT_TRUE(server.wait_log("asked and got", 2));
    for (unsigned i = 0; i < long_run(2U, 30U); ++i) {
        ::kill(server.workers().front(), SIGKILL);
        ASSERT_NE(asked(server.port()), 0);
        ASSERT_TRUE(eventually([&] { return answers(server, 2); }));
        ASSERT_EQ(server.reload().code, 0);
        ASSERT_NE(asked(server.port()), 0);
        const pid_t old = server.master();
        Client waiting(server.port());
        ASSERT_TRUE(upgrade_wholly(server)) << server.error_log();
        EXPECT_NE(waiting.read_all(), "");
        for (int n = 0; n < 20; ++n) ASSERT_NE(asked(server.port()), 0) << server.error_log();
        EXPECT_FALSE(alive(old));
    }
    EXPECT_EQ(server.error_log().find("asked for wish"), std::string::npos) << server.error_log();
}

TEST(AskedTest, AUnixSocketsPathStaysForTheNextBinaryAndGoesAtTheEnd) {
    // A worker may have paths only where its user is the master's.
    const std::string user = ::geteuid() == 0 ? "user root; " : "";
    Server server(config(1, user + "asks unix:{dir}/asked;"), asking());
    const std::string path = server.folder() / "asked";
    ASSERT_TRUE(server.wait_log("asked and got unix:"));
    const auto answered = [&] { return std::atoi(Client::unix_socket(path).read_all().c_str()) != 0; };
    EXPECT_TRUE(answered());
    ASSERT_TRUE(upgrade_wholly(server)) << server.error_log();
    EXPECT_TRUE(answered());
    server.signal(SIGQUIT);
    EXPECT_TRUE(eventually([&] { return !server.folder().has("asked"); }));
}

// Everybody may connect, as to a socket of `listen`, unless the asker says otherwise.
TEST(AskedTest, AUnixSocketHasThePermissionsThatWereAskedFor) {
    const std::string user = ::geteuid() == 0 ? "user root; " : "";
    Server server(config(1, user + "asks unix:{dir}/open; asks unix:{dir}/closed 0600;"), asking());
    ASSERT_TRUE(server.wait_log("asked and got unix:", 2));
    const auto mode = [&](const std::string& name) {
        struct stat status {};
        EXPECT_EQ(::stat((server.folder() / name).c_str(), &status), 0);
        return status.st_mode & 0777U;
    };
    EXPECT_EQ(mode("open"), 0666U);
    EXPECT_EQ(mode("closed"), 0600U);
}

// The path means the same to the worker and to the master, which is in another folder.
TEST(AskedTest, ARelativePathBeginsInTheFolderOfTheWorkers) {
    const std::string user = ::geteuid() == 0 ? "user root; " : "";
    Server server(config(2, user + "working_directory {dir}/workers; asks unix:asked;"), [] {
        ServerOptions options = asking();
        options.start = false;
        return options;
    }());
    std::filesystem::create_directory(server.folder() / "workers");
    ASSERT_TRUE(server.start());
    ASSERT_TRUE(server.wait_log("asked and got unix:", 2));
    EXPECT_NE(std::atoi(Client::unix_socket(server.folder() / "workers/asked").read_all().c_str()), 0);
    EXPECT_FALSE(server.folder().has("asked"));
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_FALSE(server.folder().has("workers/asked"));
}

// A unix socket's path may have 107 bytes (unix(7)): from the folder that the server was started in it is
// shorter. The same is done for `listen`.
TEST(AskedTest, AListenPathThatIsTooLongIsTakenFromTheServersFolder) {
    if (!has_program("curl")) GTEST_SKIP() << "curl asks there";
    const std::string name(95, 'n');
    Server server("http { server { listen unix:{dir}/" + name + "/s; location / { return 200 hello; } } }",
                  [] {
                      ServerOptions options;
                      options.start = false;
                      return options;
                  }());
    std::filesystem::create_directory(server.folder() / name);
    ASSERT_TRUE(server.start()) << server.err();
    RunOptions there;
    there.folder = server.folder().path();
    const auto answer = [&] {
        return run_program({"curl", "-s", "--unix-socket", name + "/s", "http://a/"}, there).out;
    };
    EXPECT_EQ(answer(), "hello");
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_EQ(answer(), "hello");
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_FALSE(server.folder().has(name + "/s"));
}

TEST(AskedTest, ASocketThatTheServerWasStartedWith) {
    Listener given(Address::ipv4(INADDR_LOOPBACK, 0), ListenOptions());
    ASSERT_TRUE(given.bind_and_listen());
    ServerOptions options = asking();
    options.third = given.fd();
    Server server(config(2, "asks fd:3;"), options);
    ASSERT_TRUE(server.wait_log("asked and got " + given.address().to_text(), 2));
    given.close();
    const std::uint16_t port = given.address().port();
    std::set<pid_t> pids{asked(port), asked(port)};
    EXPECT_EQ(pids.size(), 2U);
    EXPECT_EQ(pids.count(0), 0U);
    ASSERT_TRUE(upgrade_wholly(server)) << server.error_log();
    EXPECT_NE(asked(port), 0) << server.error_log();
}

// The master has other descriptors as well: logs, channels, the sockets of `listen`.
TEST(AskedTest, OtherDescriptorsOfTheMasterAreNotForAskers) {
    Listener given(Address::ipv4(INADDR_LOOPBACK, 0), ListenOptions());
    ASSERT_TRUE(given.bind_and_listen());
    ServerOptions options = asking();
    options.third = given.fd();
    std::string wishes;
    for (int fd = 0; fd < 30; ++fd) wishes += " asks fd:" + std::to_string(fd) + ";";
    Server server(config(1, wishes) + "\nhttp { server { listen 127.0.0.1:{port}; } }", options);
    EXPECT_TRUE(server.wait_log("and got error " + std::to_string(EACCES), 29));
    EXPECT_EQ(occurrences(server.error_log(), "asked and got"), 1U) << server.error_log();
    EXPECT_TRUE(server.wait_log("asked to listen on descriptor 4: "));
}

TEST(AskedTest, APrivilegedPortIsNotForTheUnprivileged) {
    Server server(config(1, "asks 127.0.0.1:42;"), asking());
    const std::string limit = file_text("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    if (::geteuid() != 0 && std::atoi(limit.c_str()) <= 42) GTEST_SKIP() << "port 42 is for everybody here";
    EXPECT_TRUE(server.wait_log("asked for wish 1 and got error " + std::to_string(EACCES)));
}

TEST(AskedTest, WhoIsToEndIsGivenNoMoreAddresses) {
    Server server(
        config(1, "asks_when_leaving 127.0.0.1:{port1};") + "\nhttp { server { listen 127.0.0.1:{port}; } }",
        asking());
    Client busy(server.port());
    busy.send("GET / HTTP/1.1\r\n");  // it is waited for
    ASSERT_TRUE(eventually([&] { return accepted(server.port()) == 1; }));
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_TRUE(server.wait_log("and got error " + std::to_string(ESHUTDOWN)));
    EXPECT_EQ(asked(server.port(1)), 0);
}

TEST(AskedTest, WhatIsTooMuchIsRefusedAndSaidToTheAsker) {
    Server server(
        config(1, "asks 127.0.0.1:0; asks 127.0.0.1:{port}; asks 127.0.0.1:0;", "handoff_listens 2;"),
        asking());
    EXPECT_TRUE(server.wait_log("asked for wish 3 and got error " + std::to_string(EMFILE)));
    EXPECT_TRUE(server.wait_log("it has asked for 2 already (handoff_listens)"));
    EXPECT_NE(asked(server.port()), 0);
}

TEST(AskedTest, AnAddressThatIsTakenIsAnErrorForTheAskerAlone) {
    Server other(answering_pid(1, "", ""));
    Server server(config(2, "asks 127.0.0.1:" + std::to_string(other.port()) + "; asks 127.0.0.1:{port};"),
                  asking());
    EXPECT_TRUE(server.wait_log("asked for wish 1 and got error " + std::to_string(EADDRINUSE), 2));
    EXPECT_TRUE(eventually([&] { return answers(server, 2); }));
}

}  // namespace

}  // namespace berth::test

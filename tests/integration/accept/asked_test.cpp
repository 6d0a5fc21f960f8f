// Addresses that workers ask the master for while they run: one socket for all, kept across reloads and
// binaries.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <set>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"

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
    for (unsigned i = 0; i < times(2, 30); ++i) {
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

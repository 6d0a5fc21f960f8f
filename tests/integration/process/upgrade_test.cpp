// Upgrade: a new binary takes over, or does not, and the clients notice neither.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

namespace {

constexpr std::string_view kConfig =
    "worker_processes 2;\n"
    "http { server { listen 127.0.0.1:{port}; listen unix:{dir}/web.sock; location / { return 200 hello; } } "
    "}\n";

// Starts the new binary and returns its process id.
pid_t upgrade(Server& server, pid_t old) {
    ::kill(old, SIGUSR2);
    eventually([&] {
        return server.folder().has("berth.pid.oldbin") && server.master() != 0 && server.master() != old;
    });
    return server.master();
}

TEST(UpgradeTest, UnderLoadNothingFails) {
    Server server(kConfig);
    Load load(server.port(), "/");
    ASSERT_TRUE(load.wait_for(100));
    const pid_t old = server.master();
    const pid_t now = upgrade(server, old);
    ASSERT_NE(now, old);
    ASSERT_TRUE(load.wait_for(100));
    ::kill(old, SIGWINCH);
    ASSERT_TRUE(eventually([&] { return server.workers(old).empty(); }));
    ASSERT_TRUE(load.wait_for(100));
    ::kill(old, SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
    ASSERT_TRUE(load.wait_for(100));
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
    EXPECT_EQ(server.master(), now);
    EXPECT_FALSE(server.folder().has("berth.pid.oldbin"));
    EXPECT_FALSE(server.folder().has("berth.pid.control.oldbin"));
    // The unix socket has outlived its first owner, and the new one obeys.
    Client local = Client::unix_socket(server.folder() / "web.sock");
    ASSERT_TRUE(local.get("/"));
    EXPECT_EQ(local.read_response().body, "hello");
    EXPECT_EQ(server.reload().code, 0);
}

// The new binary dies before it serves: the paths of the sockets it had inherited are not its to delete.
TEST(UpgradeTest, OneThatFailsLeavesTheUnixSockets) {
    Server server(kConfig);
    server.set_config("pid {dir}/web.sock/pid;\n" + std::string(kConfig));
    server.signal(SIGUSR2);
    ASSERT_TRUE(server.wait_log("new binary process exited with code 1"));
    Client local = Client::unix_socket(server.folder() / "web.sock");
    ASSERT_TRUE(local.get("/"));
    EXPECT_EQ(local.read_response().body, "hello");
}

TEST(UpgradeTest, CanBeTakenBack) {
    Server server(kConfig);
    const pid_t old = server.master();
    const pid_t now = upgrade(server, old);
    ASSERT_NE(now, old);
    ::kill(old, SIGWINCH);
    ASSERT_TRUE(eventually([&] { return server.workers(old).empty(); }));
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    ::kill(old, SIGHUP);
    ASSERT_TRUE(eventually([&] { return server.workers(old).size() == 2; }));
    ::kill(now, SIGQUIT);
    ASSERT_TRUE(
        eventually([&] { return server.master() == old && !server.folder().has("berth.pid.oldbin"); }));
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    Client local = Client::unix_socket(server.folder() / "web.sock");
    EXPECT_TRUE(local.connected());
    EXPECT_EQ(server.reload().out, "generation 2 active\n");
}

TEST(UpgradeTest, ABinaryThatFailsLeavesTheOldOneServing) {
    Server server(kConfig);
    const pid_t old = server.master();
    server.set_config("bogus on;");
    ::kill(old, SIGUSR2);
    ASSERT_TRUE(server.wait_log("new binary process exited with code 1"));
    ASSERT_TRUE(
        eventually([&] { return server.master() == old && !server.folder().has("berth.pid.oldbin"); }));
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    EXPECT_EQ(server.workers().size(), 2U);
}

TEST(UpgradeTest, TheUnixSocketIsRemovedByItsLastOwner) {
    Server server(kConfig);
    EXPECT_TRUE(server.folder().has("web.sock"));
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_FALSE(server.folder().has("web.sock"));
}

}  // namespace

}  // namespace berth::test

// Life: start, pid file, logs, background, and ends.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/loopback.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

namespace {

constexpr std::string_view kConfig =
    "http { server { listen 127.0.0.1:{port}; location / { return 200 hello; } } }\n";

ServerOptions not_started() {
    ServerOptions options;
    options.start = false;
    return options;
}

TEST(LifeTest, TheStartedProcessIsTheOneInThePidFile) {
    Server server(kConfig);
    EXPECT_EQ(server.master(), server.started());
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    EXPECT_TRUE(eventually([&] { return occurrences(server.out(), "is running") == 1; })) << server.out();
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_FALSE(server.folder().has("berth.pid"));
    EXPECT_FALSE(server.folder().has("berth.pid.control"));
    EXPECT_NE(server.error_log().find("[notice]"), std::string::npos);
    EXPECT_EQ(occurrences(server.error_log(), "[alert]"), 0U) << server.error_log();
}

TEST(LifeTest, TheGreetingNamesARangeOfPortsOnce) {
    const std::string host = own_loopback();
    Server server("http { server { listen " + host + ":9101-9104; listen 127.0.0.1:{port}; } }\n");
    // Its last line; the pid file, which Server waits for, is there before.
    ASSERT_TRUE(eventually([&] { return occurrences(server.out(), "stop it with") == 1; }));
    const std::string greeting = server.out();
    EXPECT_NE(greeting.find("  serves    http://" + host + ":9101/ to http://" + host + ":9104/\n"),
              std::string::npos)
        << greeting;
    EXPECT_NE(greeting.find("  serves    http://127.0.0.1:" + std::to_string(server.port()) + "/\n"),
              std::string::npos)
        << greeting;
    EXPECT_EQ(occurrences(greeting, "  serves "), 2U) << greeting;
}

TEST(LifeTest, QuitClosesIdleConnectionsAndFinishesRequests) {
    Server server(kConfig);
    Client idle(server.port());
    ASSERT_TRUE(idle.get("/"));
    ASSERT_EQ(idle.read_response().status, 200);
    Client busy(server.port());
    ASSERT_TRUE(busy.get("/"));
    ASSERT_EQ(busy.read_response().status, 200);
    ASSERT_TRUE(busy.send("GET / HTTP/1.1\r\nHo"));
    ASSERT_EQ(fetch(server.port(), "/").status, 200);
    server.signal(SIGQUIT);
    EXPECT_TRUE(idle.wait_closed());
    ASSERT_TRUE(busy.send("st: a\r\n\r\n"));
    const Response last = busy.read_response();
    EXPECT_EQ(last.body, "hello");
    EXPECT_TRUE(last.says_close());
    EXPECT_EQ(server.wait_exit(), 0);
}

TEST(LifeTest, AnErrorInTheConfigurationLeavesNoPidFile) {
    Server server("bogus on;", not_started());
    EXPECT_FALSE(server.start());
    EXPECT_EQ(server.wait_exit(), 1);
    EXPECT_FALSE(server.folder().has("berth.pid"));
    EXPECT_NE(server.err().find("unknown directive \"bogus\""), std::string::npos) << server.err();
    EXPECT_NE(server.error_log().find("unknown directive \"bogus\""), std::string::npos)
        << server.error_log();
}

TEST(LifeTest, AnAddressInUseIsSaidAndLeavesNoPidFile) {
    Server first(kConfig);
    Server second("http { server { listen 127.0.0.1:" + std::to_string(first.port()) + "; } }",
                  not_started());
    EXPECT_FALSE(second.start());
    EXPECT_EQ(second.wait_exit(), 1);
    EXPECT_NE(second.err().find("Address already in use"), std::string::npos) << second.err();
    EXPECT_FALSE(second.folder().has("berth.pid"));
}

TEST(LifeTest, ASecondStartSaysWhoIsRunning) {
    Server server(kConfig);
    const RunResult second = server.command({});
    EXPECT_EQ(second.code, 1);
    EXPECT_NE(second.err.find("already running as process " + std::to_string(server.master())),
              std::string::npos)
        << second.err;
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    EXPECT_TRUE(server.folder().has("berth.pid"));
}

TEST(LifeTest, InTheBackground) {
    Server server("daemon on;\n" + std::string(kConfig), not_started());
    EXPECT_TRUE(server.start());
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_NE(server.master(), server.started());
    // Ready when the caller returns.
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    EXPECT_EQ(::getsid(server.master()), server.master());
    const pid_t master = server.master();
    EXPECT_EQ(server.command({"-s", "stop"}).code, 0);
    EXPECT_TRUE(eventually([&] { return !alive(master); }));
    EXPECT_FALSE(server.folder().has("berth.pid"));
}

TEST(LifeTest, ClosedStandardDescriptorsAreFilled) {
    Server server(kConfig, not_started());
    const RunResult result =
        run_program({"sh", "-c",
                     "exec 0<&- 1<&- 2<&-; " + server_program() + " -c " + server.config_path() + " -p " +
                         server.folder().path() + "/ -g 'daemon on;' -t"});
    EXPECT_EQ(result.code, 1);  // daemon is written twice: the point is that it ends in order
    ASSERT_TRUE(server.start());
    EXPECT_EQ(fetch(server.port(), "/").body, "hello");
    // stderr goes where the error log goes.
    const std::string err =
        std::filesystem::read_symlink("/proc/" + std::to_string(server.master()) + "/fd/2");
    EXPECT_EQ(err, std::filesystem::canonical(server.folder() / "error.log"));
}

TEST(LifeTest, SignalsInheritedAsIgnoredWork) {
    Server server(kConfig, not_started());
    ::signal(SIGQUIT, SIG_IGN);
    const bool started = server.start();
    ::signal(SIGQUIT, SIG_DFL);
    ASSERT_TRUE(started);
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
}

TEST(LifeTest, LogsAreReopened) {
    Server server("error_log error.log notice;\n" + std::string(kConfig));
    std::filesystem::rename(server.folder() / "error.log", server.folder() / "old.log");
    EXPECT_EQ(server.command({"-s", "reopen"}).code, 0);
    EXPECT_TRUE(eventually([&] { return server.folder().has("error.log"); }));
    EXPECT_EQ(server.reload().code, 0);
    EXPECT_NE(server.error_log().find("generation 2 active"), std::string::npos) << server.error_log();
}

TEST(LifeTest, SeveralErrorLogsEachGetTheirLevel) {
    Server server("error_log error.log info;\nerror_log grave.log crit;\n" + std::string(kConfig));
    server.signal(SIGTERM);
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_FALSE(server.error_log().empty());
    EXPECT_TRUE(server.folder().has("grave.log"));
    EXPECT_EQ(server.folder().read("grave.log"), "");
}

TEST(LifeTest, WithoutAControlSocketSignalsAreSent) {
    Server server("control off;\n" + std::string(kConfig));
    EXPECT_FALSE(server.folder().has("berth.pid.control"));
    EXPECT_EQ(server.reload().code, 0);
    EXPECT_TRUE(server.wait_log("generation 2 active"));
    server.set_config("control off; bogus on;\n" + std::string(kConfig));
    const RunResult broken = server.reload();
    EXPECT_EQ(broken.code, 1);
    EXPECT_NE(broken.err.find("unknown directive \"bogus\""), std::string::npos) << broken.err;
    EXPECT_EQ(occurrences(server.error_log(), "reconfiguring"), 1U) << server.error_log();
    EXPECT_EQ(server.command({"-s", "quit"}).code, 0);
    EXPECT_EQ(server.wait_exit(), 0);
    const RunResult nobody = server.command({"-s", "quit"});
    EXPECT_EQ(nobody.code, 1);
    EXPECT_NE(nobody.err.find("berth.pid"), std::string::npos) << nobody.err;
}

TEST(LifeTest, ADaemonThatCannotBeginSaysWhy) {
    ServerOptions options;
    options.start = false;
    Server server("daemon on; pid {dir}/file/pid;\n" + std::string(kConfig), options);
    server.folder().write("file", "no folder");
    const RunResult result = server.command({});
    EXPECT_EQ(result.code, 1);
    EXPECT_NE(result.err.find("file/pid"), std::string::npos) << result.err;
    EXPECT_NE(server.error_log().find("file/pid"), std::string::npos) << server.error_log();
}

TEST(LifeTest, TheControlSocketIsForTheOwnerOnly) {
    Server server(kConfig);
    struct stat status {};
    ASSERT_EQ(::stat((server.folder() / "berth.pid.control").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(LifeTest, ABrokenConfigurationDoesNotKeepFromStopping) {
    Server server(kConfig);
    server.set_config("bogus { on");
    EXPECT_EQ(server.command({"-s", "stop"}).code, 0);
    EXPECT_EQ(server.wait_exit(), 0);
}

TEST(LifeTest, WorkersGetTheirEnvironmentAndFolder) {
    ServerOptions options;
    options.environment = {"BERTH_TEST_KEPT=yes", "BERTH_TEST_DROPPED=no"};
    Server server(
        "env BERTH_TEST_KEPT; env BERTH_TEST_GIVEN=here;\nworking_directory {dir};\n" + std::string(kConfig),
        options);
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 1; }));
    ASSERT_EQ(fetch(server.port(), "/").status, 200);
    const std::string process = "/proc/" + std::to_string(server.workers()[0]);
    EXPECT_EQ(std::filesystem::read_symlink(process + "/cwd"),
              std::filesystem::canonical(server.folder().path()));
}

}  // namespace

}  // namespace berth::test

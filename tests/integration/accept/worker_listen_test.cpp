// worker_listen on a real server: who gets at the workers' sockets, and what is left alone.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/loopback.hpp"

namespace berth::test {

namespace {

constexpr uid_t kStranger = 12345;

ServerOptions not_started() {
    ServerOptions options;
    options.start = false;
    return options;
}

std::string proxied(std::string_view where, unsigned workers = 2) {
    return answering_pid(workers, "accept_strategy proxy; worker_listen " + std::string(where) + ";", "");
}

// What connect(2) says of it to another user: 0, or errno.
int error_for_stranger(const std::string& path) {
    const pid_t child = ::fork();
    if (child == 0) {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        if (::setresgid(kStranger, kStranger, kStranger) != 0) ::_exit(255);
        if (::setresuid(kStranger, kStranger, kStranger) != 0) ::_exit(255);
        const bool connected = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
        ::_exit(connected ? 0 : errno);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// Over unix sockets no secret is asked: whoever gets to one may say who a client is.
TEST(WorkerListenTest, NobodyElseGetsToTheWorkersSockets) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can be somebody else";
    Server server(proxied("unix:{dir}/sockets"));
    ASSERT_NE(who_answers(server.port()), 0);
    std::size_t count = 0;
    for (const auto& file : std::filesystem::directory_iterator(server.folder() / "sockets")) {
        EXPECT_EQ(error_for_stranger(file.path()), EACCES) << file.path();
        ++count;
    }
    EXPECT_EQ(count, 2U);
}

TEST(WorkerListenTest, AFolderOfSomebodyElsesIsRefusedAndLeftAsItIs) {
    Server server(proxied("unix:{dir}/own"), not_started());
    const char* const files[] = {"2024-report.csv", "99999999", "20240101-notes", "readme"};
    for (const char* file : files) server.folder().write(std::string("own/") + file, "precious");
    ASSERT_EQ(::chmod((server.folder() / "own").c_str(), 0755), 0);
    EXPECT_FALSE(server.start());
    const std::string said = server.err();
    EXPECT_NE(said.find("is not the workers' own: its mode 0755 lets others in"), std::string::npos) << said;
    EXPECT_NE(said.find("test.conf:"), std::string::npos) << said;
    EXPECT_NE(said.find("name a folder that is not there yet"), std::string::npos) << said;
    EXPECT_NE(server.command({"-t"}).code, 0);
    for (const char* file : files) {
        EXPECT_EQ(server.folder().read(std::string("own/") + file), "precious") << file;
    }
    struct stat status {};
    ASSERT_EQ(::stat((server.folder() / "own").c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, ::geteuid());
    EXPECT_EQ(status.st_mode & 07777U, 0755U);
}

TEST(WorkerListenTest, ItsOwnFolderIsTakenAgainByReloadsUpgradesAndAfterAKill) {
    Server server(proxied("unix:{dir}/sockets"));
    ASSERT_NE(who_answers(server.port()), 0);
    server.folder().write("sockets/readme", "precious");
    const RunResult reload = server.reload();
    EXPECT_EQ(reload.code, 0) << reload.err;
    ASSERT_TRUE(upgrade_wholly(server)) << server.error_log();
    EXPECT_EQ(server.wait_exit(), 0);
    EXPECT_NE(who_answers(server.port()), 0);
    EXPECT_EQ(server.command({"-t"}).code, 0);
    const pid_t killed = server.master();
    ::kill(killed, SIGKILL);
    ASSERT_TRUE(eventually([&] { return !alive(killed) && server.workers(killed).empty(); }));
    ::waitpid(killed, nullptr, 0);  // until then its number is taken
    Server next(proxied("unix:" + server.folder().path() + "/sockets"));
    EXPECT_NE(who_answers(next.port()), 0);
    std::size_t sockets = 0;
    for (const auto& file : std::filesystem::directory_iterator(server.folder() / "sockets")) {
        const std::string name = file.path().filename();
        EXPECT_FALSE(name.starts_with(std::to_string(killed) + "-")) << name;
        sockets += name != "readme" ? 1 : 0;
    }
    EXPECT_EQ(sockets, 2U);
    EXPECT_EQ(server.folder().read("sockets/readme"), "precious");
}

// After a change of `user` the folder is the old workers'.
TEST(WorkerListenTest, ItsOwnFolderFollowsTheUser) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root has workers that are somebody else";
    Server server("user nobody;\n" + proxied("unix:{dir}/sockets"));
    ASSERT_NE(who_answers(server.port()), 0);
    server.set_config("user daemon;\n" + proxied("unix:{dir}/sockets"));
    EXPECT_EQ(server.command({"-t"}).code, 0) << "tried beside the server that has it";
    const RunResult reload = server.reload();
    EXPECT_EQ(reload.code, 0) << reload.err;
    EXPECT_NE(who_answers(server.port()), 0);
}

TEST(WorkerListenTest, AWorkerWithoutAPortOfItsOwnIsNotAdded) {
    const std::string host = own_loopback();
    Server server(proxied(host + ":65534+"));
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    server.signal(SIGTTIN);
    EXPECT_TRUE(server.wait_log("2 workers, and no further one: worker_listen " + host +
                                ":65534+ leaves no ports for 3 workers"));
    EXPECT_EQ(server.workers().size(), 2U);
    server.signal(SIGTTOU);
    EXPECT_TRUE(server.wait_log("1 workers now"));
    server.signal(SIGTTIN);
    EXPECT_TRUE(server.wait_log("2 workers now"));
    EXPECT_EQ(occurrences(server.error_log(), "[alert]"), 0U) << server.error_log();
}

}  // namespace

}  // namespace berth::test

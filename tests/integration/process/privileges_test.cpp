// What a worker becomes: its user and groups, its processors, its priority, as the system sees them.
#include <grp.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <sstream>

#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

namespace {

std::string config(std::string_view directives, unsigned workers = 1) {
    return std::string(directives) + "worker_processes " + std::to_string(workers) +
           ";\nhttp { server { listen 127.0.0.1:{port}; return 200 hello; } }\n";
}

using Ids = std::vector<unsigned>;

// The numbers of the line of /proc/PID/FILE that begins with `name`.
Ids numbers_of(pid_t pid, const std::string& file, std::string_view name) {
    std::istringstream lines(file_text("/proc/" + std::to_string(pid) + "/" + file));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(name)) continue;
        std::istringstream words(line.substr(name.size()));
        Ids numbers;
        for (unsigned number = 0; words >> number;) numbers.push_back(number);
        return numbers;
    }
    return {0};
}

pid_t worker_of(const Server& server) {
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/").body == "hello"; })) << server.error_log();
    const std::vector<pid_t> workers = server.workers();
    return workers.empty() ? 0 : workers.front();
}

// The processors that it may run on; 0 is this process, and so what the server has.
Ids processors_of(pid_t pid) {
    cpu_set_t set;
    Ids found;
    if (::sched_getaffinity(pid, sizeof set, &set) != 0) return found;
    for (unsigned i = 0; i < CPU_SETSIZE; ++i) {
        if (CPU_ISSET(i, &set)) found.push_back(i);
    }
    return found;
}

// As worker_cpu_affinity writes it: the lowest processor is the last digit.
std::string mask_of(unsigned processor) { return "1" + std::string(processor, '0'); }

class UserTest : public ::testing::Test {
 protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root may become somebody else";
    }
};

TEST_F(UserTest, WorkersRunAsTheUserAndTheMasterAsRoot) {
    const passwd* user = ::getpwnam("nobody");
    const group* other = ::getgrnam("daemon");
    if (user == nullptr || other == nullptr) GTEST_SKIP() << "there is no user nobody or no group daemon";
    Server server(config("user nobody daemon;\n"));
    const pid_t worker = worker_of(server);
    EXPECT_EQ(numbers_of(worker, "status", "Uid:"), Ids(4, user->pw_uid));
    EXPECT_EQ(numbers_of(worker, "status", "Gid:"), Ids(4, other->gr_gid));
    const Ids groups = numbers_of(worker, "status", "Groups:");
    EXPECT_TRUE(std::ranges::find(groups, 0U) == groups.end()) << "still in root's group";
    EXPECT_EQ(numbers_of(server.master(), "status", "Uid:"), Ids(4, 0));
}

TEST_F(UserTest, WithoutAGroupItIsTheUsersOwn) {
    const passwd* user = ::getpwnam("nobody");
    if (user == nullptr) GTEST_SKIP() << "there is no user nobody";
    Server server(config("user nobody;\n"));
    EXPECT_EQ(numbers_of(worker_of(server), "status", "Gid:"), Ids(4, user->pw_gid));
}

TEST_F(UserTest, AWorkerThatMayNotReadAFileAnswers403) {
    if (::getpwnam("nobody") == nullptr) GTEST_SKIP() << "there is no user nobody";
    Server server("user nobody;\nhttp { server { listen 127.0.0.1:{port}; root {dir}/site; } }\n");
    server.folder().write("site/open.txt", "open");
    const std::string secret = server.folder().write("site/secret.txt", "secret");
    ASSERT_EQ(::chmod(secret.c_str(), 0600), 0);
    EXPECT_EQ(fetch(server.port(), "/open.txt").body, "open");
    EXPECT_EQ(fetch(server.port(), "/secret.txt").status, 403);
}

TEST_F(UserTest, AnUnknownOneIsAnErrorWithItsPosition) {
    ServerOptions options;
    options.start = false;
    Server server(config("user no-such-user;\n"), options);
    const RunResult tested = server.command({"-t"});
    EXPECT_EQ(tested.code, 1);
    EXPECT_NE(tested.err.find("getpwnam(\"no-such-user\") failed"), std::string::npos) << tested.err;
}

TEST(AffinityTest, WorkersTakeTheMasksInTurn) {
    const Ids processors = processors_of(0);
    if (processors.size() < 2) GTEST_SKIP() << "one processor leaves nothing to choose";
    const std::string masks = mask_of(processors[0]) + " " + mask_of(processors[1]);
    Server server(config("worker_cpu_affinity " + masks + ";\n", 2));
    ASSERT_NE(worker_of(server), 0);
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
    for (const pid_t worker : server.workers()) {
        const unsigned slot = title_of(worker).starts_with("berth: worker 0") ? 0 : 1;
        EXPECT_TRUE(eventually([&] { return processors_of(worker) == Ids{processors[slot]}; })) << slot;
    }
    EXPECT_EQ(processors_of(server.master()), processors);
}

TEST(AffinityTest, AutoGivesEachAProcessorOfTheMask) {
    const Ids processors = processors_of(0);
    ASSERT_FALSE(processors.empty());
    Server server(config("worker_cpu_affinity auto;\n"));
    EXPECT_EQ(processors_of(worker_of(server)), Ids{processors.front()});
    server.set_config(config("worker_cpu_affinity auto " + mask_of(processors.back()) + ";\n"));
    ASSERT_EQ(server.reload().code, 0) << server.error_log();
    EXPECT_TRUE(eventually([&] { return processors_of(worker_of(server)) == Ids{processors.back()}; }));
}

TEST(PriorityTest, WorkersAreNicerThanTheirMaster) {
    errno = 0;
    const int own = ::getpriority(PRIO_PROCESS, 0);
    if (own > 10) GTEST_SKIP() << "the test itself runs at priority " << own;
    Server server(config("worker_priority 15;\n"));
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(worker_of(server))), 15);
    EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(server.master())), own);
}

TEST(LimitTest, OpenFilesAndCoresAreLimited) {
    Server server(config("worker_rlimit_nofile 700;\nworker_rlimit_core 1m;\n"));
    const pid_t worker = worker_of(server);
    EXPECT_EQ(numbers_of(worker, "limits", "Max open files").front(), 700U);
    EXPECT_EQ(numbers_of(worker, "limits", "Max core file size").front(), 1024U * 1024U);
}

}  // namespace

}  // namespace berth::test

// strategy=proxy where something is short: descriptors of a front, or room at its workers.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

namespace {

std::string config(unsigned workers, std::string_view events = {}, std::string_view main = {}) {
    return "worker_processes " + std::to_string(workers) + "; " + std::string(main) +
           "\nevents { accept_strategy proxy; " + std::string(events) +
           " }\nhttp { server { listen 127.0.0.1:{port}; location / { return 200 $pid; } }\n"
           "server { listen 127.0.0.1:{port1} strategy=shared; location / { status; } } }\n";
}

// Closed by a front, though they had not had their answer.
std::uint64_t dropped(const Server& server) {
    const std::string text = fetch(server.port(1), "/?format=prometheus").body;
    const std::string sample =
        "\nberth_listener_dropped_total{address=\"127.0.0.1:" + std::to_string(server.port()) +
        "\",role=\"front\"} ";
    const std::size_t at = text.find(sample);
    return at == std::string::npos ? ~std::uint64_t{0}
                                   : std::strtoull(text.c_str() + at + sample.size(), nullptr, 10);
}

class Stopped {
 public:
    explicit Stopped(pid_t pid) : pid_(pid) { ::kill(pid, SIGSTOP); }
    Stopped(const Stopped&) = delete;
    Stopped& operator=(const Stopped&) = delete;
    ~Stopped() { go_on(); }
    void go_on() { ::kill(pid_, SIGCONT); }

 private:
    pid_t pid_;
};

// A front that ends while its clients wait for room brings them to the workers, which end after it.
TEST(ProxyLimitsTest, WhoWaitsWhenTheServerEndsIsServed) {
    Server server(config(2));
    ASSERT_TRUE(fronted(server, 2));
    std::vector<Client> clients;
    {
        const std::vector<pid_t> workers = server.workers();
        Stopped one(workers[0]);
        Stopped other(workers[1]);
        clients = crowd(server, 20);
        ASSERT_TRUE(eventually([&] { return accepted(server.port()) == 20; })) << accepted(server.port());
        server.signal(SIGQUIT);
        ::usleep(1'500'000);  // the front gives those that are to come a second
    }
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200) << server.error_log();
    EXPECT_EQ(server.wait_exit(), 0);
}

// --- descriptors of a front

constexpr std::string_view kFew = "worker_rlimit_nofile 64;";

TEST(ProxyLimitsTest, AFrontWithFewDescriptorsServesAllThatCome) {
    Server server(config(2, "", kFew));
    ASSERT_TRUE(fronted(server, 2));
    EXPECT_TRUE(server.wait_log("are more than the limit of open files allows"));
    for (Client& client : crowd(server, 200, kOnce)) {
        EXPECT_EQ(client.read_response().status, 200);
    }
    EXPECT_EQ(dropped(server), 0U);
}

TEST(ProxyLimitsTest, ClientsThatStayLetOthersWaitAndNobodyIsReset) {
    Server server(config(2, "accept_hold 1ms;", kFew));
    ASSERT_TRUE(fronted(server, 2));
    std::vector<Client> clients = crowd(server, 100);
    // As many as there are descriptors for have their answers, and keep their connections; in the end all
    // have had one.
    ASSERT_TRUE(eventually([&] { return answered(clients) >= 10; })) << server.error_log();
    EXPECT_LT(answered(clients), 32U);
    EXPECT_FALSE(std::ranges::any_of(clients, [](Client& client) { return client.is_closed(); }));
    for (Client& client : clients) {
        EXPECT_EQ(client.read_response().status, 200);
        client.close();
    }
    EXPECT_EQ(dropped(server), 0U);
}

// The limit was lowered after the front had begun.
TEST(ProxyLimitsTest, WithoutADescriptorForItsWorkerAClientWaits) {
    Server server(config(2, "", ::geteuid() == 0 ? "user root;" : ""));
    ASSERT_TRUE(fronted(server, 2));
    const pid_t front = server.fronts().at(0);
    ASSERT_TRUE(eventually([&] { return accepted(server.port()) == 0; }));
    const rlimit before = forbid_descriptors(front, 1);
    std::vector<Client> clients = crowd(server, 20);
    EXPECT_TRUE(server.wait_log("connect() \"a worker\" failed (24: Too many open files)"))
        << server.error_log();
    EXPECT_EQ(answered(clients), 0U);
    ASSERT_EQ(::prlimit(front, RLIMIT_NOFILE, &before, nullptr), 0);
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(dropped(server), 0U);
}

// --- room at the workers

class ProxyWindow : public testing::TestWithParam<unsigned> {};

TEST_P(ProxyWindow, AWorkerThatIsStuckHoldsNoMoreOfACrowd) {
    Server server(config(2, "front_processes " + std::to_string(GetParam()) + ";"));
    ASSERT_TRUE(fronted(server, 2, GetParam()));
    Stopped victim(server.workers().front());
    std::vector<Client> clients = crowd(server, 100);
    ASSERT_TRUE(eventually([&] { return answered(clients) >= 99; })) << answered(clients);
    victim.go_on();
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
}

// One alone has a larger window: there was nobody who would have been better off.
TEST_P(ProxyWindow, ASecondWorkerMakesTheWindowCount) {
    Server server(config(1, "front_processes " + std::to_string(GetParam()) + ";"));
    ASSERT_TRUE(fronted(server, 1, GetParam()));
    const pid_t first = server.workers().front();
    server.signal(SIGTTIN);
    ASSERT_TRUE(eventually([&] { return spread(server.port(), 10).size() == 2; }));
    Stopped victim(first);
    std::vector<Client> clients = crowd(server, 60);
    ASSERT_TRUE(eventually([&] { return answered(clients) >= 59; })) << answered(clients);
    victim.go_on();
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
}

TEST_P(ProxyWindow, WhenAllWereStuckTheFirstThatGoesOnHasTheOthersClients) {
    Server server(config(2, "handoff_queue 4; front_processes " + std::to_string(GetParam()) + ";"));
    ASSERT_TRUE(fronted(server, 2, GetParam()));
    Stopped first(server.workers().at(0));
    Stopped second(server.workers().at(1));
    std::vector<Client> clients = crowd(server, 60);
    // Two at the workers, four at each front, and a batch that was under way; the others in the backlog.
    ASSERT_TRUE(eventually([&] { return accepted(server.port()) >= 6; }));
    EXPECT_LT(accepted(server.port()), 40U);
    first.go_on();
    ASSERT_TRUE(eventually([&] { return answered(clients) >= 59; })) << answered(clients);
    second.go_on();
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(dropped(server), 0U);
}

INSTANTIATE_TEST_SUITE_P(, ProxyWindow, testing::Values(1U, 2U),
                         [](const auto& fronts) { return "fronts" + std::to_string(fronts.param); });

// However long: accept_hold is for when there is nobody.
TEST(ProxyLimitsTest, ClientsWaitForWorkersThatAreThere) {
    Server server(config(2, "accept_hold 1ms;"));
    ASSERT_TRUE(fronted(server, 2));
    Stopped first(server.workers().at(0));
    Stopped second(server.workers().at(1));
    std::vector<Client> clients = crowd(server, 20);
    ASSERT_TRUE(eventually([&] { return accepted(server.port()) == 20; }));
    ::usleep(50'000);
    first.go_on();
    second.go_on();
    for (Client& client : clients) EXPECT_EQ(client.read_response().status, 200);
    EXPECT_EQ(dropped(server), 0U);
}

// Each for itself: one after the other it would take far too long.
TEST(ProxyLimitsTest, WithoutAWorkerACrowdIsClosedAfterAcceptHold) {
    Server server(config(1, "accept_hold 500ms;", "worker_respawn_delay 60s max=60s;"));
    ASSERT_TRUE(fronted(server, 1));
    ASSERT_TRUE(eventually([&] {
        for (const pid_t pid : server.workers()) ::kill(pid, SIGKILL);
        return occurrences(server.error_log(), "its replacement waits") > 0 && server.workers().empty();
    }));
    for (Client& client : crowd(server, 150)) EXPECT_EQ(client.read_response().status, 0);
    EXPECT_TRUE(server.wait_log("no worker took the connection within accept_hold"));
}

TEST(ProxyLimitsTest, AnAddressHasOneWorkerInACrowd) {
    Server server(config(4, "accept_balance ip_hash;"));
    ASSERT_TRUE(fronted(server, 4));
    std::map<pid_t, unsigned> served;
    for (Client& client : crowd(server, 200)) ++served[pid_of(client.read_response())];
    EXPECT_EQ(served.size(), 1U);
    EXPECT_EQ(served.begin()->second, 200U);
}

TEST(ProxyLimitsTest, AnAddressWhoseWorkerIsStuckGoesToAnother) {
    Server server(config(2, "accept_balance ip_hash;"));
    ASSERT_TRUE(fronted(server, 2));
    const pid_t own = who_answers(server.port());
    Stopped victim(own);
    std::vector<Client> clients = crowd(server, 10);
    ASSERT_TRUE(eventually([&] { return answered(clients) >= 9; })) << answered(clients);
    victim.go_on();
    std::map<pid_t, unsigned> served;
    for (Client& client : clients) ++served[pid_of(client.read_response())];
    EXPECT_EQ(served[own], 1U);
}

}  // namespace

}  // namespace berth::test

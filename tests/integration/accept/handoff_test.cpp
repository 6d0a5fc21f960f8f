// strategy=handoff: who gets which connection, and that none is lost whatever dies, is full or is stuck.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {

namespace {

std::string config(unsigned workers, std::string_view events = "", std::string_view more = "") {
    return "worker_processes " + std::to_string(workers) + ";\n" + std::string(more) +
           "\nevents { accept_strategy handoff; " + std::string(events) +
           " }\nhttp { server { listen 127.0.0.1:{port}; location / { return 200 $pid; } "
           "location /peer { return 200 $remote_addr; } } "
           "server { listen 127.0.0.1:{port1} strategy=shared; location / { status; } } }\n";
}

std::size_t descriptors(pid_t pid) {
    std::size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/fd")) {
        ++count;
    }
    return count;
}

// The master closes its copies of connections when nobody waits for that: until it has.
bool descriptors_at_rest(pid_t pid) {
    std::size_t last = descriptors(pid);
    unsigned same = 0;
    return eventually([&] {
        const std::size_t now = descriptors(pid);
        same = std::exchange(last, now) == now ? same + 1 : 0;
        return same == 20;
    });
}

// Waits until that many workers serve, and returns them. Whatever was on its way is at its end then.
std::vector<pid_t> serving(const Server& server, std::size_t count) {
    std::set<pid_t> seen;
    EXPECT_TRUE(eventually([&] {
        seen.insert(std::atoi(fetch(server.port(), "/").body.c_str()));
        return seen.size() >= count && server.workers().size() == count;
    }));
    std::vector<pid_t> workers = server.workers();
    // The tests send signals to them: never to anything else.
    if (workers.size() != count) throw std::runtime_error("not all workers serve:\n" + server.error_log());
    EXPECT_TRUE(descriptors_at_rest(server.master()));
    return workers;
}

pid_t served_by(Client& client) { return std::atoi(client.read_response().body.c_str()); }

// A client of another address of this machine.
std::string fetch_from(const Server& server, const std::string& address) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in here{};
    here.sin_family = AF_INET;
    ::inet_pton(AF_INET, address.c_str(), &here.sin_addr);
    sockaddr_in there = here;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    there.sin_port = htons(server.port());
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof there), 0);
    constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    EXPECT_EQ(::send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
    std::string all;
    char buffer[1024];
    for (ssize_t got = 0; (got = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
        all.append(buffer, static_cast<std::size_t>(got));
    }
    ::close(fd);
    const std::size_t body = all.find("\r\n\r\n");
    return body == std::string::npos ? std::string() : all.substr(body + 4);
}

// A counter of the port that is handed over, all roles together.
std::uint64_t total(const Server& server, const std::string& counter) {
    const std::string text = fetch(server.port(1), "/?format=prometheus").body;
    const std::string start = counter + "{address=\"127.0.0.1:" + std::to_string(server.port()) + '"';
    std::uint64_t sum = 0;
    for (std::size_t at = text.find(start); at != std::string::npos; at = text.find(start, at + 1)) {
        sum += std::strtoull(text.c_str() + text.find("} ", at) + 2, nullptr, 10);
    }
    return sum;
}

TEST(HandoffTest, RoundRobinOverIdleWorkersIsExact) {
    Server server(config(3));
    serving(server, 3);
    std::map<std::string, int> counts;
    for (int i = 0; i < 30; ++i) ++counts[fetch(server.port(), "/").body];
    ASSERT_EQ(counts.size(), 3U);
    for (const auto& [pid, count] : counts) EXPECT_NEAR(count, 10, 1) << pid;
}

TEST(HandoffTest, TheClientsAddressIsKnownAndItsConnectionEndsAtOnce) {
    Server server(config(2));
    serving(server, 2);
    EXPECT_EQ(fetch(server.port(), "/peer").body, "127.0.0.1");
    Client client(server.port());
    ASSERT_TRUE(client.get("/", "Connection: close\r\n"));
    EXPECT_EQ(client.read_response().status, 200);
    EXPECT_TRUE(client.wait_closed());
}

TEST(HandoffTest, AUnixSocketIsHandedOverToo) {
    Server server(
        "events { accept_strategy handoff; accept_balance least_conn; }\n"
        "http { server { listen unix:{dir}/web.sock; location / { return 200 $remote_addr; } } }\n");
    Client client = Client::unix_socket(server.folder() / "web.sock");
    ASSERT_TRUE(client.get("/"));
    EXPECT_EQ(client.read_response().body, "unix:");
}

TEST(HandoffTest, AStoppedWorkerHoldsItsWindowAndNoMore) {
    for (const unsigned window : {1U, 3U}) {
        Server server(config(2, "handoff_window " + std::to_string(window) + ";"));
        const std::vector<pid_t> workers = serving(server, 2);
        ::kill(workers[0], SIGSTOP);
        std::vector<Client> clients = crowd(server, 12, kOnce);
        EXPECT_TRUE(eventually([&] { return answered(clients) == 12 - window; }));
        // Whoever comes now is served.
        for (int i = 0; i < 5; ++i) {
            EXPECT_EQ(std::atoi(fetch(server.port(), "/").body.c_str()), workers[1]);
        }
        EXPECT_EQ(answered(clients), 12 - window);
        ::kill(workers[0], SIGCONT);
        unsigned by_stopped = 0;
        for (Client& client : clients) by_stopped += served_by(client) == workers[0] ? 1U : 0U;
        EXPECT_EQ(by_stopped, window);
    }
}

// Node's cluster loses one of them: nodejs/node issue 21746.
TEST(HandoffTest, WhenAFrozenWorkerIsKilledItsConnectionIsServedByAnother) {
    Server server(config(2));
    const std::vector<pid_t> workers = serving(server, 2);
    for (const pid_t pid : workers) ::kill(pid, SIGSTOP);
    std::vector<Client> clients = crowd(server, 3, kOnce);
    ::kill(workers[0], SIGKILL);
    ::kill(workers[1], SIGCONT);
    for (Client& client : clients) {
        const pid_t by = served_by(client);
        EXPECT_NE(by, 0);
        EXPECT_NE(by, workers[0]);
    }
}

TEST(HandoffTest, AFullWorkersConnectionsGoToOthersAndAreCounted) {
    Server server(config(2, "worker_connections 8;"));
    const std::vector<pid_t> workers = serving(server, 2);
    const std::size_t before[] = {descriptors(workers[0]), descriptors(workers[1])};
    // Half a request each: they are not idle, so nothing makes room.
    std::vector<Client> held;
    for (int i = 0; i < 16; ++i) {
        held.emplace_back(server.port());
        ASSERT_TRUE(held.back().send("GET / HTTP/1.1\r\nHost: a\r\n"));
    }
    // All slots are taken: these wait.
    ASSERT_TRUE(eventually([&] {
        return descriptors(workers[0]) >= before[0] + 8 && descriptors(workers[1]) >= before[1] + 8;
    }));
    std::vector<Client> more = crowd(server, 3, kOnce);
    ASSERT_TRUE(server.wait_log("worker_connections are not enough"));
    EXPECT_EQ(answered(more), 0U);
    // One slot becomes free, again and again: each is served by the worker that has room, exactly once.
    std::map<pid_t, int> counts;
    for (Client& client : held) {
        ASSERT_TRUE(client.send("Connection: close\r\n\r\n"));
        ++counts[served_by(client)];
    }
    EXPECT_EQ(counts[workers[0]], 8);
    EXPECT_EQ(counts[workers[1]], 8);
    for (Client& client : more) EXPECT_NE(served_by(client), 0);
    // What was refused went to another one, each time.
    const std::uint64_t refused = total(server, "berth_listener_refused_total");
    EXPECT_GE(refused, 1U);
    EXPECT_EQ(total(server, "berth_listener_redistributed_total"), refused);
    EXPECT_EQ(total(server, "berth_listener_dropped_total"), 0U);
}

TEST(HandoffTest, WorkersWithoutDescriptorsLoseNoConnection) {
    Server server(config(2, "", "worker_rlimit_nofile 40;"));
    serving(server, 2);
    // Half a request each: more than both have descriptors for.
    std::vector<Client> clients;
    for (int i = 0; i < 100; ++i) {
        clients.emplace_back(server.port());
        ASSERT_TRUE(clients.back().send("GET / HTTP/1.1\r\nHost: a\r\n"));
    }
    ASSERT_TRUE(server.wait_log("the descriptor of a connection was lost"));
    for (Client& client : clients) ASSERT_TRUE(client.send("Connection: close\r\n\r\n"));
    std::map<pid_t, int> counts;
    for (Client& client : clients) ++counts[served_by(client)];
    EXPECT_EQ(counts.count(0), 0U);
    EXPECT_EQ(counts.size(), 2U);
}

TEST(HandoffTest, AMasterWithoutDescriptorsLosesNothingAndRecovers) {
    Server server(config(2));
    serving(server, 2);
    const pid_t master = server.master();
    const rlimit before = forbid_descriptors(master);
    std::vector<Client> clients = crowd(server, 10, kOnce);
    EXPECT_TRUE(server.wait_log("accept4() \"127.0.0.1:", 2));
    EXPECT_EQ(answered(clients), 0U);
    ASSERT_EQ(::prlimit(master, RLIMIT_NOFILE, &before, nullptr), 0);
    for (Client& client : clients) EXPECT_NE(served_by(client), 0);
    serving(server, 2);
}

TEST(HandoffTest, IpHashKeepsAClientAtItsWorker) {
    Server server(config(3, "accept_balance ip_hash;"));
    EXPECT_TRUE(eventually([&] { return server.workers().size() == 3; }));
    std::set<std::string> used;
    for (int client = 1; client <= 12; ++client) {
        const std::string address = "127.0.0." + std::to_string(client);
        std::string own;
        // The workers come online one after the other.
        EXPECT_TRUE(eventually([&] {
            own = fetch_from(server, address);
            return own == fetch_from(server, address) && own == fetch_from(server, address);
        }));
        used.insert(own);
    }
    EXPECT_GT(used.size(), 1U);
}

TEST(HandoffTest, WhileWorkersAreStartedAgainConnectionsWait) {
    Server server(config(1, "", "worker_respawn_delay 300ms max=300ms;"));
    const pid_t worker = serving(server, 1)[0];
    ::kill(worker, SIGSTOP);
    std::vector<Client> clients = crowd(server, 3, kOnce);
    ::kill(worker, SIGKILL);
    std::vector<Client> later = crowd(server, 3, kOnce);
    for (Client& client : clients) EXPECT_GT(served_by(client), 0);
    for (Client& client : later) EXPECT_GT(served_by(client), 0);
}

TEST(HandoffTest, WhenNoWorkerComesInTimeConnectionsAreClosedAndCounted) {
    Server server(config(1, "accept_hold 50ms;", "worker_respawn_delay 1h max=1h;"));
    // Some die early, until the next one has to wait.
    EXPECT_TRUE(eventually([&] {
        for (const pid_t pid : server.workers()) ::kill(pid, SIGKILL);
        return server.error_log().find("its replacement waits") != std::string::npos;
    }));
    Client client(server.port());
    EXPECT_TRUE(client.wait_closed());
    EXPECT_TRUE(server.wait_log("was closed: no worker is there"));
}

TEST(HandoffTest, WhoWaitsWhenTheServerQuitsIsServed) {
    Server server(config(1));
    const pid_t worker = serving(server, 1)[0];
    const std::size_t before = descriptors(server.master());
    ::kill(worker, SIGSTOP);
    std::vector<Client> clients = crowd(server, 5, kOnce);
    // All are with the master once it has accepted them; what is in the kernel's backlog is not.
    ASSERT_TRUE(eventually([&] { return descriptors(server.master()) >= before + 5; }));
    server.signal(SIGQUIT);
    ASSERT_TRUE(server.wait_log("gracefully shutting down"));
    ::kill(worker, SIGCONT);
    for (Client& client : clients) EXPECT_EQ(served_by(client), worker);
    EXPECT_EQ(server.wait_exit(), 0);
}

TEST(HandoffTest, AForkedWorkerHoldsNobodysConnection) {
    Server server(config(2));
    const std::vector<pid_t> workers = serving(server, 2);
    ::kill(workers[0], SIGSTOP);
    std::vector<Client> clients =
        crowd(server, 4, kOnce);  // one is with the stopped worker, the master has a copy
    ASSERT_TRUE(eventually([&] { return answered(clients) == 3; }));
    server.signal(SIGTTIN);
    ASSERT_TRUE(eventually([&] { return server.workers().size() == 3; }));
    ::kill(workers[0], SIGCONT);
    for (Client& client : clients) {
        EXPECT_NE(served_by(client), 0);
        EXPECT_TRUE(client.wait_closed());  // not while somebody has another descriptor of it
    }
}

}  // namespace

}  // namespace berth::test

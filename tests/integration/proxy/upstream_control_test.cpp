// `./server upstream …` against a real server and real backends: under load, over reloads, restarts and
// deaths.
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <set>
#include <thread>

#include "tests/integration/support/backend.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/integration/support/server.hpp"

namespace berth::test {
namespace {

// Says its name.
struct Named {
    explicit Named(std::string its_name) : name(std::move(its_name)) {}
    std::string name;
    Backend backend{
        [this](BackendConnection& connection, const BackendRequest&) { connection.send(answer(name)); }};
    std::string address() const { return "127.0.0.1:" + std::to_string(backend.port()); }
    std::string line(std::string_view parameters = {}) const {
        return "server " + address() + " " + std::string(parameters) + "; ";
    }
};

std::string config(std::string_view upstream, std::string_view main = "worker_processes 1;") {
    return std::string(main) + " http { access_log off; upstream node { " + std::string(upstream) +
           "} server { listen 127.0.0.1:{port}; location = /status { status; } location / { proxy_pass "
           "http://node; } } }";
}

// What so many requests, one after the other, are answered by.
std::map<std::string, int> shares(const Server& server, int count) {
    std::map<std::string, int> all;
    for (int i = 0; i < count; ++i) ++all[fetch(server.port(), "/").body];
    return all;
}

using Shares = std::map<std::string, int>;

class UpstreamControl : public ::testing::Test {
 protected:
    static void done(Server& server, const std::vector<std::string>& words) {
        std::vector<std::string> command = {"upstream"};
        command.insert(command.end(), words.begin(), words.end());
        const RunResult result = server.command(command);
        EXPECT_EQ(result.code, 0) << result.err;
    }

    Named a_{"a"};
    Named b_{"b"};
    Named c_{"c"};
};

TEST_F(UpstreamControl, WeightsAndNewServersAreObeyedExactly) {
    Server server(config(a_.line() + b_.line()));
    EXPECT_EQ(shares(server, 4), (Shares{{"a", 2}, {"b", 2}}));
    done(server, {"add", "node", c_.address(), "weight=2"});
    EXPECT_EQ(shares(server, 8), (Shares{{"a", 2}, {"b", 2}, {"c", 4}}));
    done(server, {"set", "node", a_.address(), "weight=5"});
    EXPECT_EQ(shares(server, 16), (Shares{{"a", 10}, {"b", 2}, {"c", 4}}));
    done(server, {"remove", "node", c_.address()});
    done(server, {"down", "node", b_.address()});
    EXPECT_EQ(shares(server, 5), (Shares{{"a", 5}}));
    const std::string status = fetch(server.port(), "/status?format=json").body;
    EXPECT_NE(status.find("\"by command\""), std::string::npos) << status;
    const RunResult list = server.command({"upstream", "list", "node"});
    EXPECT_NE(list.out.find(b_.address() + "  down"), std::string::npos) << list.out;
    done(server, {"up", "node", b_.address()});
    // Without a state file the configuration counts again after a reload.
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_EQ(shares(server, 4), (Shares{{"a", 2}, {"b", 2}}));
}

TEST_F(UpstreamControl, UnderLoadNothingFails) {
    Server server(config(a_.line() + b_.line(), "worker_processes 2;"));
    Load load(server.port(), "/");
    ASSERT_TRUE(load.wait_for(200));
    for (int round = 0; round < 3; ++round) {
        done(server, {"add", "node", c_.address(), "slow_start=100ms"});
        done(server, {"drain", "node", a_.address()});
        EXPECT_TRUE(load.wait_for(100));
        done(server, {"remove", "node", a_.address()});
        // What was under way ends; the kept connections are closed, also in workers that have no request.
        EXPECT_TRUE(eventually([&] { return a_.backend.open() == 0; }));
        const std::size_t before = a_.backend.requests();
        EXPECT_TRUE(load.wait_for(200));
        EXPECT_EQ(a_.backend.requests(), before) << "a removed server is asked nothing";
        done(server, {"set", "node", b_.address(), "weight=3", "max_conns=50"});
        done(server, {"down", "node", b_.address()});
        EXPECT_TRUE(load.wait_for(100));
        done(server, {"up", "node", b_.address()});
        done(server, {"add", "node", a_.address()});
        EXPECT_TRUE(eventually([&] { return a_.backend.requests() > before; }));
        done(server, {"remove", "node", c_.address()});
    }
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U);
    EXPECT_GT(load.counts().answered, 1000U);
}

// Others have come to its place in memory since.
TEST_F(UpstreamControl, ARequestStillKnowsWhichServerItTriedThatIsGone) {
    std::atomic<bool> go_on = false;
    Backend slow([&](BackendConnection& connection, const BackendRequest& request) {
        if (request.target == "/slow") eventually([&] { return go_on.load(); });
        connection.send(answer("ok"));
    });
    const std::string good = "127.0.0.1:" + std::to_string(slow.port());
    const Port nobody;
    const std::string dead = "127.0.0.1:" + std::to_string(nobody.number());
    Server server("worker_processes 1; http { access_log off; upstream node { server " + good +
                  " max_fails=0; } server { listen 127.0.0.1:{port}; location / { proxy_pass http://node; "
                  "add_header Tried $upstream_addr; } } }");
    done(server, {"add", "node", dead});
    std::vector<Client> clients;
    for (int i = 0; i < 2; ++i) ASSERT_TRUE(clients.emplace_back(server.port()).get("/slow"));
    ASSERT_TRUE(eventually([&] { return slow.requests() == 2; }));
    done(server, {"remove", "node", dead});
    for (const Named* other : {&a_, &b_, &c_}) {
        done(server, {"add", "node", other->address()});
        for (int i = 0; i < 4; ++i) EXPECT_EQ(fetch(server.port(), "/").status, 200);
        done(server, {"remove", "node", other->address()});
    }
    go_on = true;
    std::set<std::string> tried;
    for (Client& client : clients) tried.insert(client.read_response().header("Tried"));
    EXPECT_EQ(tried, (std::set<std::string>{good, dead + ", " + good}));
}

TEST_F(UpstreamControl, RequestsUnderWayEndAtAServerThatIsRemoved) {
    std::atomic<bool> go_on = false;
    Backend slow([&](BackendConnection& connection, const BackendRequest&) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
        eventually([&] { return go_on.load(); }) ? connection.send("half") : connection.send("!!!!");
    });
    const std::string address = "127.0.0.1:" + std::to_string(slow.port());
    Server server(config("server " + address + "; " + b_.line("backup")));
    Client client(server.port());
    client.get("/");
    ASSERT_TRUE(eventually([&] { return slow.requests() == 1; }));
    const RunResult removed = server.command({"upstream", "remove", "node", address});
    EXPECT_EQ(removed.code, 0) << removed.err;
    EXPECT_NE(removed.out.find("requests still under way at " + address + ": 1"), std::string::npos);
    EXPECT_EQ(fetch(server.port(), "/").body, "b");
    go_on = true;
    EXPECT_EQ(client.read_response().body, "halfhalf");
    EXPECT_TRUE(eventually([&] { return slow.open() == 0; }));
}

TEST_F(UpstreamControl, StateOutlivesReloadRestartAndSuddenDeath) {
    const std::string text = config("state node.servers; " + a_.line() + b_.line());
    Server server(text);
    done(server, {"add", "node", c_.address(), "weight=2"});
    done(server, {"down", "node", a_.address()});
    const Shares now = {{"b", 1}, {"c", 2}};
    EXPECT_EQ(shares(server, 3), now);
    const RunResult reload = server.reload();
    EXPECT_EQ(reload.code, 0);
    EXPECT_NE((reload.out + reload.err).find("not those written here"), std::string::npos) << reload.out;
    EXPECT_EQ(shares(server, 3), now);
    EXPECT_NE(server.command({"upstream", "list"}).out.find("by command"), std::string::npos)
        << "a reload does not forget who said so";

    ::kill(server.started(), SIGKILL);
    server.wait_exit();
    EXPECT_TRUE(eventually([&] { return !Client(server.port()).connected(); }));
    ASSERT_TRUE(server.start());
    EXPECT_EQ(shares(server, 3), now);
    EXPECT_NE(server.command({"upstream", "list"}).out.find("by state file"), std::string::npos);
    done(server, {"up", "node", a_.address()});
    server.signal(SIGQUIT);
    EXPECT_EQ(server.wait_exit(), 0);
    ASSERT_TRUE(server.start());
    EXPECT_EQ(shares(server, 4), (Shares{{"a", 1}, {"b", 1}, {"c", 2}}));
    EXPECT_EQ(server.command({"-t"}).code, 0);
    ::unlink((server.folder() / "node.servers").c_str());
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_EQ(shares(server, 4), (Shares{{"a", 2}, {"b", 2}}));
}

// Whatever a reload reads, and whenever: what was answered "done" is there afterwards.
TEST_F(UpstreamControl, NothingIsLostBetweenTwoGenerations) {
    Server server(config("state node.servers; " + a_.line()));
    std::atomic<bool> stop = false;
    std::atomic<int> reloads = 0;
    std::thread reloading([&] {
        while (!stop) reloads += server.reload().code == 0 ? 1 : 0;
    });
    for (int i = 1; i <= 12; ++i) done(server, {"add", "node", "127.0.0.9:" + std::to_string(i), "down"});
    for (int i = 1; i <= 12; i += 2) done(server, {"remove", "node", "127.0.0.9:" + std::to_string(i)});
    stop = true;
    reloading.join();
    EXPECT_GT(reloads, 1);
    ASSERT_EQ(server.reload().code, 0);
    const std::string list = server.command({"upstream", "list"}).out;
    for (int i = 1; i <= 12; ++i) {
        const bool there = list.find("127.0.0.9:" + std::to_string(i) + " ") != std::string::npos;
        EXPECT_EQ(there, i % 2 == 0) << i << "\n" << list;
    }
    EXPECT_EQ(shares(server, 2), (Shares{{"a", 2}}));
}

TEST_F(UpstreamControl, WithoutAMasterToo) {
    Server server(config("state node.servers; " + a_.line() + b_.line(), "master_process off;"));
    done(server, {"down", "node", a_.address()});
    EXPECT_EQ(shares(server, 3), (Shares{{"b", 3}}));
    ASSERT_EQ(server.reload().code, 0);
    EXPECT_EQ(shares(server, 3), (Shares{{"b", 3}}));
    done(server, {"add", "node", c_.address()});
    EXPECT_EQ(shares(server, 4), (Shares{{"b", 2}, {"c", 2}}));
}

TEST_F(UpstreamControl, AFullDiskRefusesAndLeavesEverythingAsItWas) {
    TempFolder folder;
    if (::mount("tmpfs", folder.path().c_str(), "tmpfs", 0, "size=64k,mode=0777") != 0) {
        GTEST_SKIP() << "a small disk can be mounted by root only";
    }
    {
        Server server(config("state " + folder.path() + "/servers; " + a_.line() + b_.line()));
        done(server, {"set", "node", a_.address(), "weight=2"});
        const std::string before = folder.read("servers");
        folder.write("big", std::string(64 * 1024, 'x'));
        const RunResult refused = server.command({"upstream", "down", "node", a_.address()});
        EXPECT_EQ(refused.code, 1);
        EXPECT_NE(refused.err.find("nothing is changed, because the state file cannot be written: write()"),
                  std::string::npos)
            << refused.err;
        EXPECT_NE(refused.err.find("No space left on device"), std::string::npos) << refused.err;
        EXPECT_EQ(folder.read("servers"), before);
        EXPECT_FALSE(folder.has("servers.new"));
        EXPECT_EQ(shares(server, 3), (Shares{{"a", 2}, {"b", 1}}));
        EXPECT_NE(fetch(server.port(), "/status?format=json").body.find("\"unsaved_changes\": 1"),
                  std::string::npos);
        ::unlink((folder / "big").c_str());
        done(server, {"down", "node", a_.address()});
        EXPECT_EQ(shares(server, 3), (Shares{{"b", 3}}));
    }
    ::umount2(folder.path().c_str(), MNT_DETACH);
}

TEST_F(UpstreamControl, AGroupMayBeginEmptyAndBeFilledByCommands) {
    Server server(config("state node.servers;", "worker_processes 2;"));
    EXPECT_EQ(fetch(server.port(), "/").status, 502);
    done(server, {"add", "node", a_.address()});
    EXPECT_EQ(shares(server, 2), (Shares{{"a", 2}}));
    // A worker that is replaced serves the group as it is.
    for (const pid_t worker : server.workers()) ::kill(worker, SIGKILL);
    EXPECT_TRUE(eventually([&] { return fetch(server.port(), "/").body == "a"; }));
}

}  // namespace
}  // namespace berth::test

// Sockets of slots that have no worker: what comes to them is served all the same.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cerrno>
#include <filesystem>
#include <map>

#include "tests/integration/accept/workers_of.hpp"
#include "tests/integration/support/client.hpp"
#include "tests/integration/support/load.hpp"
#include "tests/support/long_run.hpp"

namespace berth::test {

namespace {

std::size_t sockets_of(pid_t pid) {
    std::size_t sockets = 0;
    std::error_code gone;
    for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), gone)) {
        const std::string target = std::filesystem::read_symlink(entry, gone).string();
        sockets += target.starts_with("socket:") ? 1 : 0;
    }
    return sockets;
}

// Its only front, or 0 while it has none.
pid_t front_of(const Server& server) {
    const std::vector<pid_t> fronts = server.fronts();
    return fronts.empty() ? 0 : fronts.front();
}

std::string proxied(std::string_view events, std::string_view listen = "") {
    return answering_pid(1, "accept_strategy proxy; " + std::string(events), listen);
}

// A client whose worker has only heard of it, and dies after a reload: fronts that were there before the
// reload find one of the new workers.
void expect_served_after(const std::string& before, const std::string& after) {
    Server server(before);
    ASSERT_TRUE(at_rest(server, 1));
    const pid_t old = server.workers().front();
    const std::size_t sockets = sockets_of(old);
    Client silent(server.port());
    ASSERT_TRUE(eventually([&] { return sockets_of(old) > sockets; }));
    server.set_config(after);
    const RunResult reload = server.reload();
    ASSERT_EQ(reload.code, 0) << reload.err << server.error_log();
    ASSERT_TRUE(alive(old));
    ::kill(old, SIGKILL);
    ASSERT_TRUE(eventually([&] { return !alive(old); }));
    ASSERT_TRUE(silent.get("/"));
    const Response response = silent.read_response();
    EXPECT_EQ(response.status, 200) << server.error_log();
    EXPECT_NE(response.body, std::to_string(old));
    EXPECT_LE(occurrences(server.error_log(), "connect() "), 1U) << server.error_log();
}

TEST(LentSocketsTest, OldFrontsFindNewWorkersWhenWorkerListenChanges) {
    expect_served_after(proxied("worker_listen unix:{dir}/a;"), proxied("worker_listen unix:{dir}/b;"));
}

TEST(LentSocketsTest, OldFrontsFindNewWorkersWhenTheStrategyChanges) {
    expect_served_after(proxied(""), proxied("", "strategy=shared"));
    expect_served_after(proxied(""), proxied("", "strategy=handoff"));
}

// The front hears of the client's words and of the worker's end in one turn, the words first.
TEST(LentSocketsTest, WordsThatComeWithTheWorkersEndGoToAnotherWorker) {
    Server server(answering_pid(2, "accept_strategy proxy;", ""));
    ASSERT_TRUE(at_rest(server, 2));
    const pid_t front = front_of(server);
    ASSERT_NE(front, 0);
    for (unsigned i = 0; i < long_run(3U, 100U); ++i) {
        ASSERT_TRUE(eventually([&] { return server.workers().size() == 2; }));
        std::map<pid_t, std::size_t> sockets;
        for (const pid_t worker : server.workers()) sockets[worker] = sockets_of(worker);
        Client silent(server.port());
        pid_t chosen = 0;
        ASSERT_TRUE(eventually([&] {
            for (const auto& [worker, before] : sockets) {
                if (sockets_of(worker) > before) chosen = worker;
            }
            return chosen != 0;
        })) << i;
        ::kill(front, SIGSTOP);
        const bool sent = silent.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        ::kill(chosen, SIGKILL);
        const bool ended = eventually([&] { return !alive(chosen); });
        ::kill(front, SIGCONT);
        ASSERT_TRUE(sent && ended);
        EXPECT_EQ(silent.read_response().status, 200) << i << server.error_log();
    }
}

TEST(LentSocketsTest, WorkerListenChangesUnderLoadAndOldAddressesGo) {
    const std::string here = proxied("worker_listen 127.0.0.1:{port1}+;");
    const std::string there = proxied("worker_listen 127.0.0.1:{port2}+;");
    Server server(here);
    ASSERT_TRUE(at_rest(server, 1));
    Load load(server.port(), "/");
    for (unsigned i = 0; i < long_run(2U, 50U); ++i) {
        for (const std::string& config : {there, here}) {
            ASSERT_TRUE(load.wait_for(50)) << load.failures();
            server.set_config(config);
            const RunResult reload = server.reload();
            ASSERT_EQ(reload.code, 0) << reload.err << server.error_log();
        }
    }
    ASSERT_TRUE(load.wait_for(50)) << load.failures();
    load.stop();
    EXPECT_EQ(load.counts().failed, 0U) << load.failures();
    EXPECT_EQ(load.counts().stale, 0U) << load.failures();
    EXPECT_TRUE(eventually([&] { return Client(server.port(2)).error() != 0; }));
}

// A reload takes a port from its fronts, and the one that the kernel has woken is killed: workers look.
TEST(LentSocketsTest, NobodySleepsWhenAnOldFrontIsKilledWhileTheStrategyChanges) {
    Server server(proxied(""));
    for (unsigned i = 0; i < long_run(3U, 200U); ++i) {
        ASSERT_TRUE(eventually([&] { return front_of(server) != 0 && who_answers(server.port()) != 0; }))
            << i;
        const pid_t victim = front_of(server);
        server.set_config(proxied("", "strategy=shared"));
        server.signal(SIGHUP);
        for (int n = 0; alive(victim) && n < 100; ++n) {
            Client client(server.port());
            if (n == static_cast<int>(i % 5)) ::kill(victim, SIGKILL);
            const bool answered = client.get("/") && client.read_response().status == 200;
            ASSERT_TRUE(answered || client.error() != ETIMEDOUT) << i << server.error_log();
        }
        ASSERT_TRUE(server.wait_log("generation " + std::to_string(2 * i + 2) + " active"));
        server.set_config(proxied(""));
        ASSERT_EQ(server.reload().code, 0);
    }
}

// The kernel chooses by address, so one of them gets more than it may have.
TEST(LentSocketsTest, WhatAFullWorkerCannotTakeOthersTake) {
    for (const std::string_view strategy : {"reuseport", "proxy"}) {
        Server server(
            fmt::format("worker_processes 2;\nevents {{ worker_connections 6; accept_strategy {}; }}\n"
                        "http {{ server {{ listen 127.0.0.1:{{port}}; return 200 $pid; }} }}\n",
                        strategy));
        ASSERT_TRUE(at_rest(server, 2));
        std::vector<Client> clients;
        for (int i = 0; i < 12; ++i) {
            // Under way, so that none is idle and makes room.
            ASSERT_TRUE(clients.emplace_back(server.port()).send("GET / HTTP/1.1\r\n"));
        }
        EXPECT_TRUE(eventually([&] { return accepted(server.port()) == clients.size(); }))
            << strategy << accepted(server.port());
        for (Client& client : clients) {
            ASSERT_TRUE(client.send("Host: a\r\n\r\n"));
            EXPECT_EQ(client.read_response().status, 200) << strategy;
        }
    }
}

}  // namespace

}  // namespace berth::test

// worker_listen: where workers listen for fronts, and what is refused.
#include "event/accept/worker_listen.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <set>

#include "event/accept/proxy.hpp"
#include "event/process/process_conf.hpp"
#include "tests/unit/event/accept/serving.hpp"

namespace berth {

namespace {

std::string address(const Loaded& loaded, std::size_t entry, unsigned slot) {
    return loaded.cycle->conf<Listening>().entries[entry].private_address(slot).to_text();
}

Loaded load(const std::string& events, const std::string& server, const std::string& main = "") {
    return load_config("pid /run/b.pid; worker_processes 4; " + main + " events { accept_strategy proxy; " +
                       events + " } http { server { " + server + " } }\n");
}

TEST(WorkerListenTest, UnixSocketsStandBesideThePidFileUnlessTheyAreSentElsewhere) {
    const Loaded usual = load("", "listen 8000; listen 8001;");
    ASSERT_NE(usual.cycle, nullptr) << usual.report;
    EXPECT_TRUE(address(usual, 0, 3).starts_with("unix:/run/b.pid.workers/")) << address(usual, 0, 3);
    EXPECT_TRUE(address(usual, 0, 3).ends_with("-0.0.0.0:8000-3")) << address(usual, 0, 3);
    EXPECT_NE(address(usual, 0, 0), address(usual, 1, 0));
    EXPECT_NE(address(usual, 0, 0), address(usual, 0, 1));
    const Loaded other = load("worker_listen unix:w/;", "listen unix:/a/b.sock;");
    ASSERT_NE(other.cycle, nullptr) << other.report;
    EXPECT_TRUE(address(other, 0, 0).starts_with("unix:/tmp/w/")) << address(other, 0, 0);
}

TEST(WorkerListenTest, SocketsBearTheNumberOfTheProcessThatStays) {
    const Loaded loaded = load("", "listen 8000;");
    ASSERT_NE(loaded.cycle, nullptr) << loaded.report;
    name_worker_sockets_after(4711);
    EXPECT_EQ(address(loaded, 0, 1), "unix:/run/b.pid.workers/4711-0.0.0.0:8000-1");
    name_worker_sockets_after(0);
}

TEST(WorkerListenTest, APortForEachSlot) {
    const Loaded loaded = load("worker_listen 127.0.0.1:9001+;",
                               "listen 8000; listen 8001 worker_listen=[::1]:9001+; "
                               "listen 8002 worker_listen=127.0.0.1:9005+;");
    ASSERT_NE(loaded.cycle, nullptr) << loaded.report;
    EXPECT_EQ(address(loaded, 0, 0), "127.0.0.1:9001");
    EXPECT_EQ(address(loaded, 0, 3), "127.0.0.1:9004");
    EXPECT_EQ(address(loaded, 1, 1), "[::1]:9002");
    EXPECT_EQ(address(loaded, 2, 0), "127.0.0.1:9005");
}

TEST(WorkerListenTest, WhatCannotBeIsRefusedWithAReason) {
    expect_refused(load("worker_listen 9001;", "listen 8000;"), "the first port is followed by a +");
    expect_refused(load("worker_listen 0.0.0.0:9001+;", "listen 8000;"), "loopback only");
    expect_refused(load("worker_listen 127.0.0.1+;", "listen 8000;"), "a port is missing");
    expect_refused(load("", "listen 8000 worker_listen=nowhere;"), "worker_listen=nowhere");
    for (const char* taken : {"127.0.0.1:9003", "9001"}) {
        expect_refused(
            load("worker_listen 127.0.0.1:9000+;", "listen " + std::string(taken) + ";"),
            "worker_listen 127.0.0.1:9000+ has 4 ports for as many workers, and one of them is that "
            "of \"listen ");
    }
    expect_refused(load("worker_listen 127.0.0.1:9000+;", "listen [::]:9001 ipv6only=off;"), "has 4 ports");
    for (const char* free : {"9004", "[::]:9001", "[::1]:9001", "127.0.0.2:9001"}) {
        const Loaded loaded = load("worker_listen 127.0.0.1:9000+;", "listen " + std::string(free) + ";");
        EXPECT_NE(loaded.cycle, nullptr) << loaded.report;
    }
    expect_refused(load("", "listen 8000 strategy=handoff worker_listen=unix:;"),
                   "\"worker_listen\" says nothing about strategy \"handoff\"");
    expect_refused(load("worker_listen 127.0.0.1:65534+;", "listen 8000;"), "leaves no ports for 4 workers");
    expect_refused(
        load("worker_listen 127.0.0.1:9001+;", "listen 8000; listen 8001 worker_listen=127.0.0.1:9004+;"),
        "give each `listen` its own");
    expect_refused(load("worker_listen unix:/" + std::string(100, 'x') + ";", "listen 8000;"),
                   "shorter path");
}

TEST(WorkerListenTest, SoManyWorkersAsThereArePortsFor) {
    const Loaded high = load("worker_listen 127.0.0.1:65532+;", "listen 8000;");
    ASSERT_NE(high.cycle, nullptr) << high.report;
    EXPECT_EQ(why_not_so_many(high.cycle->conf<Listening>(), 4), "");
    EXPECT_EQ(why_not_so_many(high.cycle->conf<Listening>(), 5),
              "worker_listen 127.0.0.1:65532+ leaves no ports for 5 workers");
    const Loaded below = load("worker_listen 127.0.0.1:9000+;", "listen 127.0.0.1:9004;");
    ASSERT_NE(below.cycle, nullptr) << below.report;
    EXPECT_EQ(why_not_so_many(below.cycle->conf<Listening>(), 4), "");
    EXPECT_NE(why_not_so_many(below.cycle->conf<Listening>(), 5).find("that of \"listen 127.0.0.1:9004\""),
              std::string::npos);
    const Loaded side = load("",
                             "listen 8000 worker_listen=127.0.0.1:9000+; "
                             "listen 8001 worker_listen=127.0.0.1:9004+;");
    ASSERT_NE(side.cycle, nullptr) << side.report;
    EXPECT_EQ(why_not_so_many(side.cycle->conf<Listening>(), 4), "");
    EXPECT_NE(why_not_so_many(side.cycle->conf<Listening>(), 5), "");
    EXPECT_EQ(why_not_so_many(load("", "listen 8000;").cycle->conf<Listening>(), kMostWorkers), "");
}

pid_t ended_process() {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    ::waitpid(pid, nullptr, 0);
    return pid;
}

// A server that was killed has left sockets; everything else in the folder is somebody's.
TEST(WorkerListenTest, OnlySocketsOfServersThatAreGoneAreRemoved) {
    char folder[] = "/tmp/berth-stale-XXXXXX";
    ASSERT_NE(::mkdtemp(folder), nullptr);
    const std::string gone = std::to_string(ended_process());
    const auto path = [&](const std::string& name) { return std::string(folder) + "/" + name; };
    std::vector<FileDescriptor> sockets;
    const auto bind = [&](const std::string& name) {
        const Address address = std::move(*Address::unix_path(path(name)));
        sockets.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::bind(sockets.back().get(), address.data(), address.length()), 0) << name;
    };
    for (const std::string name : {"-0.0.0.0:8000-0", "-[::1]:80-17", "-unix-1f-3"}) bind(gone + name);
    std::set<std::string> kept{std::to_string(::getpid()) + "-0.0.0.0:8000-0",
                               gone + "-0.0.0.0:8000-513",
                               gone + "-0.0.0.0:8000-01",
                               gone + "-unix-xy-0",
                               gone + "-notes-1",
                               gone,
                               "0-0.0.0.0:8000-0",
                               "99999999"};
    for (const std::string& name : kept) bind(name);
    for (const std::string& name : {std::string("2024-report.csv"), gone + "-0.0.0.0:8000-1"}) {
        std::ofstream(path(name)) << "precious";
        kept.insert(name);
    }
    ASSERT_EQ(::symlink("2024-report.csv", path(gone + "-0.0.0.0:8000-2").c_str()), 0);
    kept.insert(gone + "-0.0.0.0:8000-2");
    const Loaded loaded = load("worker_listen unix:" + std::string(folder) + ";", "listen 8000;");
    ASSERT_NE(loaded.cycle, nullptr) << loaded.report;
    remove_stale_sockets(loaded.cycle->conf<Listening>());
    std::set<std::string> left;
    for (const auto& file : std::filesystem::directory_iterator(folder)) left.insert(file.path().filename());
    EXPECT_EQ(left, kept);
    std::filesystem::remove_all(folder);
}

TEST(WorkerListenTest, FrontsAreOnlyWhereSomethingIsProxied) {
    EXPECT_EQ(front_count(*load("", "listen 8000;").cycle), 1U);
    EXPECT_EQ(front_count(*load("front_processes 3;", "listen 8000;").cycle), 3U);
    EXPECT_EQ(front_count(*load("front_processes 3;", "listen 8000 strategy=shared;").cycle), 0U);
    expect_refused(load("front_processes 0;", "listen 8000;"), "front_processes");
}

}  // namespace

}  // namespace berth

// worker_listen: where workers listen for fronts, and what is refused.
#include "event/accept/worker_listen.hpp"

#include <gtest/gtest.h>

#include "event/accept/proxy.hpp"
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

TEST(WorkerListenTest, FrontsAreOnlyWhereSomethingIsProxied) {
    EXPECT_EQ(front_count(*load("", "listen 8000;").cycle), 1U);
    EXPECT_EQ(front_count(*load("front_processes 3;", "listen 8000;").cycle), 3U);
    EXPECT_EQ(front_count(*load("front_processes 3;", "listen 8000 strategy=shared;").cycle), 0U);
    expect_refused(load("front_processes 0;", "listen 8000;"), "front_processes");
}

}  // namespace

}  // namespace berth

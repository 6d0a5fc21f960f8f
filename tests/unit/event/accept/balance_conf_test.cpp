// balance= and accept_balance: what they come to, and where they cannot be.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "core/cycle.hpp"
#include "core/module.hpp"
#include "event/listening.hpp"

namespace berth {

namespace {

struct Loaded {
    std::unique_ptr<Cycle> cycle;
    std::string report;
    AcceptBalance balance() const { return cycle->conf<Listening>().entries.front().balance; }
};

Loaded load(const std::string& events, const std::string& listen) {
    register_modules();
    std::string pattern = (std::filesystem::temp_directory_path() / "berth-balance-XXXXXX").string();
    const int file = ::mkstemp(pattern.data());
    std::ofstream(pattern) << "events { " << events << " } http { server { listen " << listen << "; } }\n";
    CycleOptions options;
    options.conf_path = pattern;
    options.prefix = "/tmp/";
    Diagnostics diagnostics;
    Loaded loaded;
    loaded.cycle = Cycle::load(options, diagnostics);
    loaded.report = diagnostics.report("test");
    ::close(file);
    ::unlink(pattern.c_str());
    return loaded;
}

void expect_refused(const Loaded& loaded, const std::string& because) {
    EXPECT_EQ(loaded.cycle, nullptr);
    EXPECT_NE(loaded.report.find(because), std::string::npos) << loaded.report;
}

TEST(BalanceConfTest, AListenTakesWhatEventsSayUnlessItSaysOtherwise) {
    EXPECT_EQ(load("", "8000").balance(), AcceptBalance::round_robin);
    EXPECT_EQ(load("accept_strategy handoff; accept_balance least_conn;", "8000").balance(),
              AcceptBalance::least_conn);
    EXPECT_EQ(load("accept_balance least_conn;", "8000 strategy=handoff balance=ip_hash").balance(),
              AcceptBalance::ip_hash);
}

TEST(BalanceConfTest, WhatCannotBeIsRefusedWithAReason) {
    expect_refused(load("", "8000 strategy=handoff balance=fair"), "unknown balance \"fair\"");
    expect_refused(load("", "8000 strategy=reuseport balance=random"), "where the kernel chooses");
    expect_refused(load("", "8000 strategy=handoff balance=ip_hash proxy_protocol"), "reads nothing");
    expect_refused(load("accept_strategy proxy; accept_balance ip_hash;", "8000 proxy_protocol"),
                   "reads nothing");
    expect_refused(load("", "unix:/tmp/x.sock strategy=handoff balance=ip_hash"),
                   "its clients have no address");
    expect_refused(load("handoff_window 65;", "8000"), "handoff_window");
}

TEST(BalanceConfTest, OfASharedSocketAcceptBalanceSaysNothing) {
    EXPECT_NE(load("accept_balance ip_hash;", "8000 proxy_protocol").cycle, nullptr);
}

}  // namespace

}  // namespace berth

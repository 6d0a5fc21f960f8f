// strategy=, balance= and accept_balance: what they come to, and where they cannot be.
#include <gtest/gtest.h>

#include "tests/unit/event/accept/serving.hpp"

namespace berth {

namespace {

Loaded load(const std::string& events, const std::string& listen) {
    return load_config("events { " + events + " } http { server { listen " + listen + "; } }\n");
}

AcceptBalance balance(const std::string& events, const std::string& listen) {
    return load(events, listen).cycle->conf<Listening>().entries.front().balance;
}

TEST(BalanceConfTest, AListenTakesWhatEventsSayUnlessItSaysOtherwise) {
    EXPECT_EQ(balance("", "8000"), AcceptBalance::round_robin);
    EXPECT_EQ(balance("accept_strategy handoff; accept_balance least_conn;", "8000"),
              AcceptBalance::least_conn);
    EXPECT_EQ(balance("accept_balance least_conn;", "8000 strategy=handoff balance=ip_hash"),
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

TEST(BalanceConfTest, AStrategyIsRefusedWhereItCannotBe) {
    for (const std::string address : {"8000", "[::1]:8000", "unix:/tmp/x.sock"}) {
        for (const std::string strategy : {"shared", "handoff", "reuseport", "proxy"}) {
            const Loaded loaded = load("", address + " strategy=" + strategy);
            if (address.starts_with("unix") && strategy == "reuseport") {
                expect_refused(loaded, "needs several sockets at one address");
                expect_refused(loaded, "write strategy=shared, strategy=handoff or strategy=proxy here");
            } else {
                EXPECT_NE(loaded.cycle, nullptr) << address << strategy << loaded.report;
            }
        }
    }
    expect_refused(load("", "8000 strategy=lottery"), "lottery");
}

// The table of DESIGN: TCP and TLS by all, unix sockets by all but reuseport, UDP by shared and reuseport.
TEST(BalanceConfTest, WhatEachStrategyCarries) {
    for (const auto strategy : {Strategy::shared, Strategy::handoff, Strategy::reuseport, Strategy::proxy}) {
        EXPECT_EQ(why_not(strategy, Carried::tcp), "");
        EXPECT_EQ(why_not(strategy, Carried::tls), "");
        EXPECT_EQ(why_not(strategy, Carried::unix_stream).empty(), strategy != Strategy::reuseport);
        const bool without_connections = strategy == Strategy::shared || strategy == Strategy::reuseport;
        EXPECT_EQ(why_not(strategy, Carried::udp).empty(), without_connections);
    }
    expect_refused(load("", "8000 udp strategy=handoff"), "UDP has none");
    expect_refused(load("", "8000 strategy=proxy quic"), "relays connections, and UDP has none");
}

TEST(BalanceConfTest, WhatASingleProcessDoesNotUseIsSaid) {
    const auto report = [](const std::string& main, const std::string& listen) {
        const Loaded loaded =
            load_config("master_process " + main + "; http { server { listen " + listen + "; } }\n");
        EXPECT_NE(loaded.cycle, nullptr) << loaded.report;
        return loaded.report;
    };
    const std::string warning =
        report("off", "8000-8010 strategy=handoff balance=ip_hash; listen 9000 strategy=reuseport");
    EXPECT_NE(warning.find("0.0.0.0:8000: strategy \"handoff\" is not used with \"master_process off\""),
              std::string::npos)
        << warning;
    EXPECT_NE(warning.find("as with strategy=shared"), std::string::npos) << warning;
    EXPECT_NE(warning.find("0.0.0.0:9000: strategy \"reuseport\""), std::string::npos) << warning;
    EXPECT_EQ(warning.find("0.0.0.0:8001"), std::string::npos) << warning;
    EXPECT_EQ(report("off", "8000"), "");
    EXPECT_EQ(report("on", "8000 strategy=handoff balance=ip_hash"), "");
}

TEST(BalanceConfTest, OfASharedSocketAcceptBalanceSaysNothing) {
    EXPECT_NE(load("accept_balance ip_hash;", "8000 proxy_protocol").cycle, nullptr);
}

}  // namespace

}  // namespace berth

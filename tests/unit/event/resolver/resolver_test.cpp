// Tests of the resolver against a server that does what it is told: caching, sharing, failing, cancelling.
#include "event/resolver/resolver.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <fstream>

#include "event/async/root.hpp"
#include "event/resolver/hosts.hpp"
#include "tests/support/dns_server.hpp"
#include "tests/unit/event/loop_fixture.hpp"

namespace berth {
namespace {

using test::DnsServer;
using Manner = DnsServer::Manner;
using namespace std::chrono_literals;

// What somebody learned, once they did.
struct Learned {
    bool done = false;
    DnsAnswer answer;
};

Async<void> learn_soon(Scope& scope, Resolver* resolver, std::string name, Duration timeout, Learned* into) {
    into->answer = co_await resolver->look_up_soon(Lookup::address, name, timeout);
    into->done = true;
    static_cast<void>(scope);
}

Async<void> learn(Scope& scope, Resolver* resolver, Lookup kind, std::string name, Duration timeout,
                  Learned* into) {
    into->answer = co_await resolver->look_up(kind, name, timeout);
    into->done = true;
    static_cast<void>(scope);
}

class ResolverTest : public LoopTest {
 protected:
    static ResolverOptions hasty() {
        ResolverOptions options;
        options.shortest = options.failure = 100ms;
        options.patience = 3s;
        return options;
    }
    Resolver& make(ResolverOptions options = hasty()) {
        options.servers = {*Address::parse(server_.address())};
        resolver_ = std::move(*Resolver::create(loop(), options, counters_));
        return *resolver_;
    }
    // Begins to look up; `learned` tells when it is over.
    Root<>& start(const std::string& name, Learned& learned, Duration timeout = 20s,
                  Lookup kind = Lookup::address) {
        Root<>& root = roots_.emplace_back();
        root.start(learn(scope_, resolver_.get(), kind, name, timeout, &learned),
                   Continuation([](void*) {}, nullptr));
        return root;
    }
    DnsAnswer look_up(const std::string& name, Duration timeout = 20s, Lookup kind = Lookup::address) {
        Learned learned;
        start(name, learned, timeout, kind);
        EXPECT_TRUE(run_until([&] { return learned.done; }));
        return learned.answer;
    }
    std::vector<std::string> addresses(const std::string& name) {
        std::vector<std::string> all;
        for (const Address& address : look_up(name).addresses) all.push_back(address.ip_text());
        return all;
    }
    std::uint64_t count(DnsResult result) { return counters_.results[static_cast<std::size_t>(result)]; }
    void pass(Duration time) {
        const TimePoint until = loop().now() + time;
        while (loop().now() < until) loop().run_once(10ms);
    }

    DnsServer server_;
    ResolverCounters counters_;
    OwnScope scope_{loop()};
    std::unique_ptr<Resolver> resolver_;
    std::deque<Root<>> roots_;  // before the resolver goes
};

using Addresses = std::vector<std::string>;

TEST_P(ResolverTest, BothFamilies) {
    server_.set("a.test", {"10.0.0.1", "::5", "10.0.0.2"});
    make();
    EXPECT_EQ(addresses("a.test"), (Addresses{"10.0.0.1", "10.0.0.2", "::5"}));
    EXPECT_EQ(count(DnsResult::found), 2U);
    EXPECT_GT(counters_.last_success, 0U);
}

TEST_P(ResolverTest, OneFamilyIfToldSo) {
    server_.set("a.test", {"10.0.0.1", "::5"});
    ResolverOptions options = hasty();
    options.ipv6 = false;
    make(options);
    EXPECT_EQ(addresses("A.Test"), (Addresses{"10.0.0.1"}));
    EXPECT_EQ(server_.asked("a.test", DnsServer::Type::aaaa), 0U);
    options.ipv6 = true;
    options.ipv4 = false;
    make(options);
    EXPECT_EQ(addresses("a.test"), (Addresses{"::5"}));
}

TEST_P(ResolverTest, AnswersAreRememberedAsLongAsTheyHold) {
    server_.set("a.test", {"10.0.0.1"}, 0);
    ResolverOptions options = hasty();
    options.shortest = 1s;
    make(options);
    EXPECT_EQ(addresses("a.test"), (Addresses{"10.0.0.1"}));
    server_.set("a.test", {"10.0.0.2"}, 0);
    EXPECT_EQ(addresses("a.test"), (Addresses{"10.0.0.1"}));
    EXPECT_EQ(server_.asked("a.test"), 1U);
    EXPECT_EQ(counters_.cached, 1U);
    pass(1100ms);
    EXPECT_EQ(addresses("a.test"), (Addresses{"10.0.0.2"}));
    EXPECT_EQ(server_.asked("a.test"), 2U);
}

TEST_P(ResolverTest, ValidOverrulesTheTtl) {
    server_.set("a.test", {"10.0.0.1"}, 0);
    ResolverOptions options = hasty();
    options.valid = 1h;
    make(options);
    addresses("a.test");
    pass(150ms);
    addresses("a.test");
    EXPECT_EQ(server_.asked("a.test"), 1U);
}

TEST_P(ResolverTest, ThoseWhoAskTogetherShareAQuestion) {
    server_.set("a.test", {"10.0.0.1"});
    make();
    std::deque<Learned> learned(20);
    for (Learned& each : learned) start("a.test", each);
    ASSERT_TRUE(run_until([&] { return std::ranges::all_of(learned, &Learned::done); }));
    for (const Learned& each : learned) EXPECT_EQ(each.answer.addresses.size(), 1U);
    EXPECT_EQ(server_.asked("a.test"), 1U);
    EXPECT_EQ(counters_.joined, 19U);
}

TEST_P(ResolverTest, WhoStopsWaitingDisturbsNobody) {
    server_.set("a.test", {"10.0.0.1"});
    server_.behave("a.test", Manner::silent);
    ResolverOptions options = hasty();
    options.patience = 200ms;
    make(options);
    std::deque<Learned> learned(3);
    start("a.test", learned[0]);
    Root<>& leaves = start("a.test", learned[1]);
    start("a.test", learned[2]);
    ASSERT_TRUE(run_until([&] { return server_.asked("a.test") > 0; }));
    leaves.destroy();
    server_.behave("a.test", Manner::normal);  // and is asked again
    ASSERT_TRUE(run_until([&] { return learned[0].done && learned[2].done; }));
    EXPECT_FALSE(learned[1].done);
    EXPECT_TRUE(learned[0].answer.usable());
}

TEST_P(ResolverTest, AQuestionOutlivesAllWhoAsked) {
    server_.set("a.test", {"10.0.0.1"});
    make();
    Learned learned;
    start("a.test", learned).destroy();
    ASSERT_TRUE(run_until([&] { return count(DnsResult::found) == 1; }));
    EXPECT_FALSE(learned.done);
    EXPECT_EQ(addresses("a.test"), (Addresses{"10.0.0.1"}));
    EXPECT_EQ(server_.asked("a.test"), 1U);
}

TEST_P(ResolverTest, EndingWithQuestionsUnderWay) {
    server_.behave("a.test", Manner::silent);
    make();
    Learned learned;
    Root<>& root = start("a.test", learned);
    ASSERT_TRUE(run_until([&] { return server_.asked("a.test") > 0; }));
    root.destroy();
    resolver_.reset();
    turn();
    EXPECT_FALSE(learned.done);
}

TEST_P(ResolverTest, WaitingHasALimit) {
    server_.behave("a.test", Manner::silent);
    make();
    const DnsAnswer answer = look_up("a.test", 50ms);
    EXPECT_EQ(answer.result, DnsResult::timed_out);
    EXPECT_FALSE(answer.usable());
    EXPECT_EQ(to_text(answer.result), "Operation timed out");
}

TEST_P(ResolverTest, FailuresAreToldApart) {
    server_.behave("fails.test", Manner::fails);
    server_.behave("refuses.test", Manner::refuses);
    server_.set("garbles.test", {"10.0.0.1", "::1"});
    server_.behave("garbles.test", Manner::garbles);
    server_.set("empty.test", {});
    make();
    EXPECT_EQ(look_up("none.test").result, DnsResult::not_found);
    EXPECT_EQ(look_up("empty.test").result, DnsResult::not_found);
    EXPECT_EQ(look_up("fails.test").result, DnsResult::server_failure);
    EXPECT_EQ(look_up("refuses.test").result, DnsResult::refused);
    EXPECT_EQ(look_up("garbles.test").result, DnsResult::failed);
    EXPECT_EQ(look_up("no name").result, DnsResult::not_found);
    EXPECT_EQ(number_of(DnsResult::not_found), 3);
    EXPECT_EQ(server_.asked("no name"), 0U);
}

TEST_P(ResolverTest, FailuresAreRememberedShortly) {
    ResolverOptions options = hasty();
    options.failure = 1s;
    make(options);
    look_up("none.test");
    look_up("none.test");
    EXPECT_EQ(server_.asked("none.test"), 1U);
    server_.set("none.test", {"10.0.0.1"});
    pass(1100ms);
    EXPECT_EQ(addresses("none.test"), (Addresses{"10.0.0.1"}));
}

TEST_P(ResolverTest, OldAnswersWhileDnsFailsButNotWhenTheNameIsGone) {
    server_.set("a.test", {"10.0.0.1"}, 0);
    ResolverOptions options = hasty();
    options.patience = 200ms;
    make(options);
    look_up("a.test");
    server_.behave("a.test", Manner::fails);
    pass(150ms);
    DnsAnswer answer = look_up("a.test");
    EXPECT_EQ(answer.result, DnsResult::server_failure);
    EXPECT_TRUE(answer.stale);
    EXPECT_EQ(answer.addresses.size(), 1U);
    server_.behave("a.test", Manner::silent);
    pass(150ms);
    answer = look_up("a.test", 50ms);
    EXPECT_EQ(answer.result, DnsResult::timed_out);
    EXPECT_TRUE(answer.stale);
    server_.behave("a.test", Manner::normal);
    server_.remove("a.test");
    ASSERT_TRUE(run_until([&] { return count(DnsResult::not_found) == 3; }));  // with the first AAAA
    answer = look_up("a.test");
    EXPECT_EQ(answer.result, DnsResult::not_found);
    EXPECT_FALSE(answer.usable());
    server_.behave("a.test", Manner::fails);
    pass(150ms);
    answer = look_up("a.test");
    EXPECT_EQ(answer.result, DnsResult::server_failure);
    EXPECT_FALSE(answer.usable()) << "what was gone does not come back";
}

// Nobody waits in vain for what others have waited for in vain.
TEST_P(ResolverTest, OldAnswersAtOnceWhileDnsIsSilent) {
    server_.set("a.test", {"10.0.0.1"}, 0);
    ResolverOptions options = hasty();
    options.patience = 1s;
    make(options);
    look_up("a.test");
    server_.behave("a.test", Manner::silent);
    pass(150ms);
    std::deque<Learned> learned(3);
    const auto ask = [&](Learned& into, Duration timeout) {
        roots_.emplace_back().start(learn_soon(scope_, resolver_.get(), "a.test", timeout, &into),
                                    Continuation([](void*) {}, nullptr));
    };
    ask(learned[0], 50ms);
    EXPECT_FALSE(learned[0].done) << "nobody knows yet that there is no answer";
    ASSERT_TRUE(run_until([&] { return learned[0].done; }));
    ask(learned[1], 1h);
    EXPECT_TRUE(learned[1].done);
    EXPECT_TRUE(learned[1].answer.stale);
    EXPECT_EQ(learned[1].answer.addresses.size(), 1U);
    server_.behave("a.test", Manner::normal);
    // The question went on: A and AAAA.
    ASSERT_TRUE(run_until([&] { return count(DnsResult::found) == 2 && count(DnsResult::not_found) == 2; }));
    ask(learned[2], 1h);
    EXPECT_TRUE(learned[2].done);
    EXPECT_FALSE(learned[2].answer.stale);
}

TEST_P(ResolverTest, HalfAnAnswerIsOneButNotForLong) {
    server_.set("a.test", {"10.0.0.1", "::5"});
    server_.behave("a.test", DnsServer::Type::aaaa, Manner::fails);
    make();
    const DnsAnswer answer = look_up("a.test");
    EXPECT_EQ(answer.result, DnsResult::found);
    EXPECT_TRUE(answer.incomplete);
    EXPECT_EQ(answer.addresses.size(), 1U);
    server_.behave("a.test", DnsServer::Type::aaaa, Manner::normal);
    pass(150ms);
    EXPECT_EQ(addresses("a.test"), (Addresses{"10.0.0.1", "::5"}));
}

TEST_P(ResolverTest, WhatDoesNotFitComesByTcp) {
    Addresses many;
    for (int i = 1; i <= 60; ++i) many.push_back("10.0.1." + std::to_string(i));
    server_.set("many.test", many);
    server_.behave("many.test", Manner::truncates);
    ResolverOptions options = hasty();
    options.ipv6 = false;
    make(options);
    EXPECT_EQ(addresses("many.test"), many);
    EXPECT_EQ(server_.asked_by_tcp(), 1U);
}

TEST_P(ResolverTest, NoMoreAddressesThanAllowed) {
    server_.set("many.test", {"10.0.0.1", "10.0.0.2", "10.0.0.3", "::1", "::2"});
    ResolverOptions options;
    options.addresses = 2;
    make(options);
    EXPECT_EQ(addresses("many.test").size(), 2U);
    EXPECT_EQ(counters_.dropped, 3U);
}

TEST_P(ResolverTest, NoMoreNamesThanAllowedAndThoseInUseStay) {
    ResolverOptions options;
    options.names = 2;
    make(options);
    for (const char* name : {"a.test", "b.test", "c.test"}) {
        server_.set(name, {"10.0.0.1"});
        look_up(name);
    }
    EXPECT_EQ(resolver_->names(), 2U);
    look_up("c.test");
    EXPECT_EQ(server_.asked("c.test"), 1U);
    look_up("a.test");  // had been forgotten, and now b is
    EXPECT_EQ(server_.asked("a.test"), 2U);

    std::deque<Learned> learned(2);
    for (const char* name : {"d.test", "e.test"}) server_.behave(name, Manner::silent);
    Root<>& first = start("d.test", learned[0]);
    Root<>& second = start("e.test", learned[1]);
    EXPECT_EQ(look_up("a.test").result, DnsResult::failed);
    first.destroy();
    second.destroy();
}

TEST_P(ResolverTest, AliasesAndServices) {
    server_.set("real.test", {"10.0.0.7"});
    server_.set_alias("alias.test", "real.test");
    server_.set_services("_http._tcp.a.test", {{1, 5, 8080, "real.test"}, {2, 1, 81, "real.test"}});
    make();
    EXPECT_EQ(addresses("alias.test"), (Addresses{"10.0.0.7"}));
    const DnsAnswer answer = look_up("_http._tcp.a.test", 20s, Lookup::service);
    const std::vector<ServiceRecord> expected = {{1, 5, 8080, "real.test"}, {2, 1, 81, "real.test"}};
    EXPECT_EQ(answer.services, expected);
    EXPECT_TRUE(answer.addresses.empty());
}

TEST_P(ResolverTest, TheNextServerIsAskedWhenOneRefusesOrIsGone) {
    DnsServer refuses;
    refuses.behave("a.test", Manner::refuses);
    server_.set("a.test", {"10.0.0.1"});
    ResolverOptions options = hasty();
    options.ipv6 = false;
    std::string gone;
    {
        DnsServer closed;
        gone = closed.address();
    }
    options.servers = {*Address::parse(gone), *Address::parse(refuses.address()),
                       *Address::parse(server_.address())};
    for (int round = 0; round < 3; ++round) {
        resolver_ = std::move(*Resolver::create(loop(), options, counters_));
        EXPECT_EQ(addresses("a.test"), (Addresses{"10.0.0.1"}));
    }
}

TEST(Hosts, NamesAndTheirAddresses) {
    const std::string path = testing::TempDir() + "berth_hosts_test." + std::to_string(::getpid());
    std::ofstream(path)
        << "127.0.0.1 localhost\n::1 LocalHost ip6\n# 1.1.1.1 no\nnonsense x\n10.0.0.1 a #b\n";
    const auto hosts = read_hosts(path);
    std::remove(path.c_str());
    EXPECT_EQ(hosts.count("localhost"), 2U);
    EXPECT_EQ(hosts.count("ip6"), 1U);
    EXPECT_EQ(hosts.find("a")->second.ip_text(), "10.0.0.1");
    EXPECT_EQ(hosts.size(), 4U);
    EXPECT_TRUE(read_hosts("/nonexistent").empty());
}

BERTH_ON_EACH_POLLER(ResolverTest);

}  // namespace
}  // namespace berth

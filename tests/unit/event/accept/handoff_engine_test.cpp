// HandoffEngine: every transition, with real connections and targets that decide when the test says so.
#include "event/accept/handoff_engine.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "event/listener.hpp"
#include "tests/unit/event/loop_fixture.hpp"

namespace berth {

namespace {

class FakeTarget final : public HandoffTarget {
 public:
    FakeTarget(HandoffEngine& engine, std::uint64_t slot) : HandoffTarget(slot), engine_(engine) {}

    // Decides about the oldest.
    void decide(bool taken = true) {
        const std::uint64_t ticket = tickets.front();
        tickets.erase(tickets.begin());
        engine_.decided(*this, ticket, taken);
    }

    std::vector<std::uint64_t> tickets;
    std::vector<std::uint16_t> clients;  // ports of all it was ever sent
    bool reachable = true;
    std::size_t most_at_once = ~std::size_t{0};
    unsigned messages = 0;
    bool says_full = false;
    std::uint64_t says_open = 0;
    unsigned asked = 0;
    unsigned redistributed = 0;

 private:
    std::size_t send(std::span<const HandedConnection* const> connections) override {
        if (!reachable) return 0;
        ++messages;
        const std::size_t sent = std::min(connections.size(), most_at_once);
        for (const HandedConnection* connection : connections.first(sent)) {
            EXPECT_TRUE(connection->fd);
            tickets.push_back(connection->ticket);
            clients.push_back(connection->peer.port());
        }
        return sent;
    }
    bool full() const noexcept override { return says_full; }
    std::uint64_t open() const noexcept override { return says_open; }
    bool ask_for_decision() override { return ++asked, false; }
    void count_redistributed(HandoffListener&) override { ++redistributed; }

    HandoffEngine& engine_;
};

class HandoffEngineTest : public LoopTest {
 protected:
    HandoffEngineTest()
        : engine_(loop()),
          socket_(Address::ipv4(INADDR_LOOPBACK, 0), ListenOptions()),
          one_(engine_, 0),
          two_(engine_, 1),
          three_(engine_, 2) {
        EXPECT_TRUE(socket_.bind_and_listen());
        configure(1, 2);
        listener_ = &engine_.open(socket_.fd(), 0, "test", counters_);
    }
    ~HandoffEngineTest() override {
        for (const int fd : clients_) ::close(fd);
    }

    void configure(std::size_t window, std::size_t queue, Duration hold = Duration(60'000)) {
        limits_ = {window, queue, hold, 1 << 30};
        engine_.configure(limits_, log_);
    }
    void join_all() {
        for (FakeTarget* target : {&one_, &two_, &three_}) engine_.join(*listener_, *target);
        turns();
    }
    // Connects; the kernel has it in the backlog when this returns.
    std::uint16_t connect(std::uint32_t from = INADDR_LOOPBACK) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const Address own = Address::ipv4(from, 0);
        EXPECT_EQ(::bind(fd, own.data(), own.length()), 0);
        const Address& to = socket_.address();
        EXPECT_EQ(::connect(fd, to.data(), to.length()), 0);
        clients_.push_back(fd);
        return Address::of_socket(fd).port();
    }
    void turns() {
        for (int i = 0; i < 5; ++i) turn();
    }
    std::uint16_t connect_and_turn(std::uint32_t from = INADDR_LOOPBACK) {
        const std::uint16_t port = connect(from);
        turns();
        return port;
    }
    // The one that has a connection which it has not decided; it takes it.
    FakeTarget* who_takes() {
        for (FakeTarget* target : {&one_, &two_, &three_}) {
            if (target->tickets.empty()) continue;
            target->decide();
            return target;
        }
        return nullptr;
    }
    bool closed(std::size_t client) {
        char byte = 0;
        return ::recv(clients_[client], &byte, 1, MSG_DONTWAIT) == 0;
    }
    static std::uint64_t value(const SharedCounter& counter) { return counter.load(); }

    Log log_;
    HandoffEngine engine_;
    HandoffEngine::Limits limits_;
    Listener socket_;
    ListenerCounters counters_{};
    HandoffListener* listener_ = nullptr;
    FakeTarget one_;
    FakeTarget two_;
    FakeTarget three_;
    std::vector<int> clients_;
};

BERTH_ON_EACH_POLLER(HandoffEngineTest);

TEST_P(HandoffEngineTest, RoundRobinOverIdleTargetsIsExact) {
    join_all();
    for (int i = 0; i < 30; ++i) {
        connect_and_turn();
        for (FakeTarget* target : {&one_, &two_, &three_}) {
            if (!target->tickets.empty()) target->decide();
        }
    }
    EXPECT_EQ(one_.clients.size(), 10U);
    EXPECT_EQ(two_.clients.size(), 10U);
    EXPECT_EQ(three_.clients.size(), 10U);
    EXPECT_EQ(value(counters_.accepted), 30U);
    EXPECT_EQ(value(counters_.handed), 30U);
    EXPECT_EQ(value(counters_.waiting), 0U);
}

TEST_P(HandoffEngineTest, ABurstIsSpreadToo) {
    join_all();
    for (int i = 0; i < 3; ++i) connect();
    turns();
    EXPECT_EQ(one_.clients.size(), 1U);
    EXPECT_EQ(two_.clients.size(), 1U);
    EXPECT_EQ(three_.clients.size(), 1U);
}

TEST_P(HandoffEngineTest, WhatATargetGetsInOneGoIsOneMessage) {
    configure(16, 2);
    engine_.join(*listener_, one_);
    engine_.join(*listener_, two_);
    turns();
    for (int i = 0; i < 30; ++i) connect();
    turns();
    turns();
    EXPECT_EQ(one_.clients.size(), 15U);
    EXPECT_EQ(two_.clients.size(), 15U);
    EXPECT_LE(one_.messages, 6U);  // of 1, 1, 2, 4, 8, 14 that are accepted together
    EXPECT_LE(two_.messages, 6U);
}

TEST_P(HandoffEngineTest, WhatCannotBeSentOfAMessageGoesLaterInItsOrder) {
    configure(4, 2);
    engine_.join(*listener_, one_);
    one_.most_at_once = 1;
    turns();
    std::vector<std::uint16_t> all;
    for (int i = 0; i < 4; ++i) all.push_back(connect());
    turns();
    one_.most_at_once = 4;
    EXPECT_TRUE(run_until([&] { return one_.clients.size() == 4; }));
    EXPECT_EQ(one_.clients, all);
    EXPECT_EQ(one_.tickets, (std::vector<std::uint64_t>{1, 2, 3, 4}));
    EXPECT_EQ(value(counters_.handed), 4U);
    EXPECT_EQ(value(counters_.waiting), 0U);
}

TEST_P(HandoffEngineTest, WhoDecidesInTimeIsNotAskedAndWhoDoesNotIsAskedOnce) {
    engine_.join(*listener_, one_);
    connect_and_turn();
    EXPECT_EQ(one_.asked, 0U);
    one_.decide();
    turns();
    connect_and_turn();
    EXPECT_TRUE(run_until([&] { return one_.asked == 1; }));
    loop().run_once(3 * HandoffEngine::kTidy);
    loop().run_once(3 * HandoffEngine::kTidy);
    EXPECT_EQ(one_.asked, 1U);
}

TEST_P(HandoffEngineTest, AStuckTargetHoldsTheWindowAndNoMore) {
    configure(2, 2);
    engine_.join(*listener_, one_);
    for (int i = 0; i < 10; ++i) connect_and_turn();
    EXPECT_EQ(one_.tickets.size(), 2U);
    EXPECT_EQ(listener_->waiting(), 2U);       // handoff_queue
    EXPECT_EQ(value(counters_.accepted), 4U);  // the rest is in the kernel
    EXPECT_GT(one_.asked, 0U);
    one_.decide();
    turns();
    EXPECT_EQ(one_.tickets.size(), 2U);
    EXPECT_EQ(value(counters_.accepted), 5U);
}

TEST_P(HandoffEngineTest, WithoutAQueueAllThatHasNoRoomStaysInTheKernel) {
    configure(1, 0);
    engine_.join(*listener_, one_);
    connect();
    connect();
    connect_and_turn();
    EXPECT_EQ(value(counters_.accepted), 1U);
    EXPECT_GT(one_.asked, 0U);  // at once: the others wait in the kernel
    one_.decide();
    turns();
    EXPECT_EQ(value(counters_.accepted), 2U);
    EXPECT_EQ(listener_->waiting(), 0U);
}

TEST_P(HandoffEngineTest, WhoWasBusyWhileOthersWereFreeGoesToTheEnd) {
    join_all();
    connect_and_turn();  // one
    connect_and_turn();  // two
    two_.decide();
    connect_and_turn();  // three
    three_.decide();
    connect_and_turn();  // one is passed over: two
    two_.decide();
    one_.decide();
    connect_and_turn();  // three is free the longest
    EXPECT_EQ(one_.clients.size(), 1U);
    EXPECT_EQ(two_.clients.size(), 2U);
    EXPECT_EQ(three_.clients.size(), 2U);
}

TEST_P(HandoffEngineTest, ARefusedConnectionGoesToAnother) {
    join_all();
    const std::uint16_t client = connect_and_turn();
    one_.says_full = true;
    one_.decide(false);
    turns();
    ASSERT_EQ(two_.clients.size(), 1U);
    EXPECT_EQ(two_.clients[0], client);
    EXPECT_EQ(one_.redistributed, 1U);
    EXPECT_EQ(value(counters_.handed), 2U);
    EXPECT_EQ(value(counters_.accepted), 1U);
}

TEST_P(HandoffEngineTest, WhenAllAreFullItWaitsUntilOneIsNot) {
    engine_.join(*listener_, one_);
    connect_and_turn();
    one_.says_full = true;
    one_.decide(false);
    for (int i = 0; i < 3; ++i) turns();
    EXPECT_EQ(one_.clients.size(), 1U);  // not asked again
    EXPECT_EQ(listener_->waiting(), 1U);
    EXPECT_EQ(value(counters_.waiting), 1U);
    one_.says_full = false;
    engine_.look();
    turns();
    EXPECT_EQ(one_.clients.size(), 2U);
    EXPECT_EQ(listener_->waiting(), 0U);
}

TEST_P(HandoffEngineTest, WhatADeadTargetHadNotDecidedGoesToOthersInOrder) {
    configure(2, 4);
    engine_.join(*listener_, one_);
    const std::uint16_t first = connect_and_turn();
    const std::uint16_t second = connect_and_turn();
    const std::uint16_t third = connect_and_turn();
    ASSERT_EQ(one_.tickets.size(), 2U);
    engine_.join(*listener_, two_);
    turns();
    ASSERT_EQ(two_.clients.size(), 1U);
    EXPECT_EQ(two_.clients[0], third);
    two_.decide();
    engine_.ended(one_);
    turns();
    EXPECT_EQ(two_.clients, (std::vector<std::uint16_t>{third, first, second}));
    EXPECT_EQ(one_.redistributed, 2U);
    EXPECT_EQ(value(counters_.dropped), 0U);
}

TEST_P(HandoffEngineTest, OneThatCannotBeReachedIsNotLostAndNotTriedInASpin) {
    engine_.join(*listener_, one_);
    one_.reachable = false;
    connect_and_turn();
    EXPECT_EQ(listener_->waiting(), 1U);
    one_.reachable = true;
    EXPECT_TRUE(run_until([&] { return one_.clients.size() == 1; }));
    EXPECT_EQ(listener_->waiting(), 0U);
}

TEST_P(HandoffEngineTest, WithoutTargetsNothingIsAcceptedUntilTheHoldIsOver) {
    connect_and_turn();
    EXPECT_EQ(value(counters_.accepted), 0U);
    engine_.join(*listener_, one_);
    turns();
    EXPECT_EQ(one_.clients.size(), 1U);  // it waited in the kernel
    one_.decide();
    configure(1, 2, Duration(30));
    engine_.ended(one_);
    connect();
    EXPECT_TRUE(run_until([&] { return listener_->rejecting() && value(counters_.dropped) == 1; }));
    EXPECT_TRUE(closed(1));
    engine_.join(*listener_, two_);
    connect_and_turn();
    EXPECT_EQ(two_.clients.size(), 1U);
}

TEST_P(HandoffEngineTest, WhatWaitsWhenTheHoldIsOverIsClosedAndCounted) {
    configure(1, 2, Duration(30));
    engine_.join(*listener_, one_);
    for (int i = 0; i < 3; ++i) connect_and_turn();
    EXPECT_EQ(value(counters_.accepted), 3U);
    engine_.ended(one_);
    turns();
    EXPECT_EQ(listener_->waiting(), 3U);
    EXPECT_TRUE(run_until([&] { return value(counters_.dropped) == 3; }));
    EXPECT_EQ(value(counters_.waiting), 0U);
}

TEST_P(HandoffEngineTest, AtRestNothingIsClosedForWantOfATarget) {
    configure(1, 2, Duration(1));
    engine_.join(*listener_, one_);
    engine_.leave(one_);
    engine_.rest();
    connect();
    for (int i = 0; i < 5; ++i) loop().run_once(Duration(5));
    EXPECT_FALSE(listener_->rejecting());
    EXPECT_EQ(value(counters_.accepted), 0U);
    engine_.join(*listener_, two_);
    turns();
    EXPECT_EQ(two_.clients.size(), 1U);
}

TEST_P(HandoffEngineTest, AtRestNothingIsClosedAlsoIfItWasBefore) {
    configure(1, 2, Duration(1));
    engine_.join(*listener_, one_);
    engine_.ended(one_);
    ASSERT_TRUE(run_until([&] { return listener_->rejecting(); }));
    engine_.rest();
    turns();
    connect_and_turn();
    EXPECT_EQ(value(counters_.accepted), 0U);
    EXPECT_FALSE(closed(0));
    engine_.join(*listener_, two_);
    turns();
    EXPECT_EQ(two_.clients.size(), 1U);
}

TEST_P(HandoffEngineTest, WhatIsRefusedAfterTheHoldIsClosedAndCounted) {
    configure(1, 2, Duration(1));
    engine_.join(*listener_, one_);
    connect_and_turn();
    engine_.leave(one_);
    ASSERT_TRUE(run_until([&] { return listener_->rejecting(); }));
    one_.decide(false);
    turns();
    EXPECT_EQ(listener_->waiting(), 0U);
    EXPECT_EQ(value(counters_.dropped), 1U);
}

TEST_P(HandoffEngineTest, TheLastToLeaveIsGivenAllThatWaits) {
    configure(1, 8);
    engine_.join(*listener_, one_);
    engine_.join(*listener_, two_);
    for (int i = 0; i < 6; ++i) connect_and_turn();
    EXPECT_EQ(listener_->waiting(), 4U);
    engine_.leave(one_);
    EXPECT_EQ(one_.tickets.size(), 1U);
    engine_.leave(two_);
    EXPECT_EQ(two_.tickets.size(), 5U);
    EXPECT_EQ(listener_->waiting(), 0U);
    while (!two_.tickets.empty()) two_.decide();
    one_.decide();
    EXPECT_EQ(value(counters_.dropped), 0U);
}

TEST_P(HandoffEngineTest, AClosedListenerGivesWhatWaitsToThoseItHas) {
    configure(1, 8);
    engine_.join(*listener_, one_);
    engine_.join(*listener_, two_);
    for (int i = 0; i < 6; ++i) connect_and_turn();
    engine_.close(*listener_);
    EXPECT_EQ(one_.tickets.size() + two_.tickets.size(), 6U);
    turns();
    // Refused now, nobody is left who serves it.
    one_.decide(false);
    EXPECT_EQ(value(counters_.dropped), 1U);
    while (!one_.tickets.empty()) one_.decide();
    while (!two_.tickets.empty()) two_.decide();
    turns();
    EXPECT_EQ(value(counters_.dropped), 1U);
}

TEST_P(HandoffEngineTest, OneThatAcceptsNoMoreHandsOverWhatItHas) {
    engine_.join(*listener_, one_);
    for (int i = 0; i < 3; ++i) connect_and_turn();
    engine_.accept(*listener_, false);
    connect_and_turn();
    EXPECT_EQ(one_.tickets.size(), 1U);
    EXPECT_EQ(listener_->waiting(), 2U);
    EXPECT_EQ(value(counters_.accepted), 3U);
    engine_.join(*listener_, two_);
    engine_.leave(one_);
    turns();
    EXPECT_EQ(one_.tickets.size(), 1U);
    EXPECT_EQ(two_.tickets.size(), 1U);
    EXPECT_EQ(listener_->waiting(), 1U);
    engine_.ended(one_);  // what it had not decided comes back
    while (!two_.tickets.empty()) {
        two_.decide();
        turns();
    }
    EXPECT_EQ(two_.clients.size(), 3U);
    EXPECT_EQ(one_.redistributed, 1U);
    EXPECT_EQ(value(counters_.dropped), 0U);
    EXPECT_EQ(value(counters_.accepted), 3U);
}

TEST_P(HandoffEngineTest, OneThatAcceptsAgainFindsWhatCameMeanwhile) {
    join_all();
    engine_.accept(*listener_, false);
    connect_and_turn();
    EXPECT_EQ(value(counters_.accepted), 0U);
    engine_.accept(*listener_, true);
    turns();
    EXPECT_EQ(value(counters_.accepted), 1U);
    EXPECT_EQ(one_.clients.size(), 1U);
    one_.decide();
    connect_and_turn();  // it is watched again
    EXPECT_EQ(two_.clients.size(), 1U);
}

TEST_P(HandoffEngineTest, OneThatAcceptsNoMoreAcceptsNothingAfterTheHoldEither) {
    configure(1, 2, Duration(1));
    engine_.join(*listener_, one_);
    connect_and_turn();
    engine_.accept(*listener_, false);
    engine_.ended(one_);
    ASSERT_TRUE(run_until([&] { return listener_->rejecting(); }));
    EXPECT_EQ(value(counters_.dropped), 1U);
    connect_and_turn();
    EXPECT_EQ(value(counters_.accepted), 1U);
    EXPECT_FALSE(closed(1));
}

TEST_P(HandoffEngineTest, AtTheEndWhatWaitsIsClosedAndCountedAndTheRestIsStillDecided) {
    engine_.join(*listener_, one_);
    for (int i = 0; i < 3; ++i) connect_and_turn();
    one_.reachable = false;
    engine_.close_all();
    EXPECT_EQ(value(counters_.dropped), 2U);
    one_.decide();
    EXPECT_EQ(value(counters_.dropped), 2U);
    turns();
    EXPECT_TRUE(closed(0));  // the test's targets keep nothing
}

TEST_P(HandoffEngineTest, AtTheEndWhatWaitsGoesToThoseThatAreStillThere) {
    engine_.join(*listener_, one_);
    for (int i = 0; i < 3; ++i) connect_and_turn();
    EXPECT_EQ(listener_->waiting(), 2U);
    engine_.close_all();
    EXPECT_EQ(one_.clients.size(), 3U);
    EXPECT_EQ(value(counters_.dropped), 0U);
    while (!one_.tickets.empty()) one_.decide();
}

TEST_P(HandoffEngineTest, OneThatDiesAtTheEndIsCounted) {
    engine_.join(*listener_, one_);
    connect_and_turn();
    engine_.close_all();
    engine_.ended(one_);
    EXPECT_EQ(value(counters_.dropped), 1U);
}

TEST_P(HandoffEngineTest, AfterAForkTheChildHoldsNoConnection) {
    engine_.join(*listener_, one_);
    for (int i = 0; i < 2; ++i) connect_and_turn();
    engine_.abandon();
    EXPECT_TRUE(closed(0));
    EXPECT_TRUE(closed(1));
}

TEST_P(HandoffEngineTest, LeastConnCountsOpenOnesAndThoseUnderWay) {
    configure(2, 2);
    engine_.balance(*listener_, AcceptBalance::least_conn);
    join_all();
    one_.says_open = 3;
    two_.says_open = 1;
    three_.says_open = 2;
    connect_and_turn();
    connect_and_turn();
    EXPECT_EQ(two_.clients.size(), 1U);
    EXPECT_EQ(three_.clients.size(), 1U);  // two has two now, and was served last
}

TEST_P(HandoffEngineTest, IpHashWaitsForItsOwnAndThenGoesElsewhere) {
    engine_.balance(*listener_, AcceptBalance::ip_hash);
    join_all();
    connect_and_turn();
    connect_and_turn();
    FakeTarget* own = nullptr;
    for (FakeTarget* target : {&one_, &two_, &three_}) {
        if (!target->clients.empty()) own = target;
    }
    ASSERT_NE(own, nullptr);
    EXPECT_EQ(own->clients.size(), 1U);
    EXPECT_EQ(listener_->waiting(), 1U);
    // It never decides: another one serves the client in the end.
    EXPECT_TRUE(run_until([&] { return listener_->waiting() == 0; }));
    EXPECT_EQ(own->clients.size(), 1U);
    EXPECT_EQ(one_.clients.size() + two_.clients.size() + three_.clients.size(), 2U);
}

TEST_P(HandoffEngineTest, WithIpHashOneThatWaitsForItsOwnKeepsNobodyElseWaiting) {
    configure(1, 8);
    engine_.balance(*listener_, AcceptBalance::ip_hash);
    join_all();
    connect_and_turn();
    FakeTarget* own = who_takes();
    FakeTarget* other = own;
    std::uint32_t from = INADDR_LOOPBACK;
    while (other == own && from < INADDR_LOOPBACK + 100) {
        connect_and_turn(++from);
        other = who_takes();
    }
    ASSERT_NE(own, nullptr);
    ASSERT_NE(other, nullptr);
    ASSERT_NE(other, own);
    connect_and_turn();
    connect_and_turn();
    ASSERT_EQ(listener_->waiting(), 1U);
    const std::uint16_t client = connect_and_turn(from);
    EXPECT_EQ(other->clients.back(), client);
    EXPECT_EQ(listener_->waiting(), 1U);
}

TEST_P(HandoffEngineTest, WhenDescriptorsAreShortItPausesAndGoesOn) {
    configure(8, 8);
    limits_.descriptors = 3;  // every connection is one too many
    engine_.configure(limits_, log_);
    engine_.join(*listener_, one_);
    for (int i = 0; i < 3; ++i) connect();
    turn();
    EXPECT_EQ(one_.tickets.size(), 1U);
    one_.decide();  // one descriptor is free again
    turn();
    EXPECT_EQ(one_.clients.size(), 2U);
    EXPECT_TRUE(run_until([&] { return one_.clients.size() == 3; }));  // after a while, too
}

TEST_P(HandoffEngineTest, AnAcceptThatFailsIsCountedAndTriedAgainLater) {
    engine_.join(*listener_, one_);
    turns();  // UBSan needs descriptors when it sees a type for the first time
    connect();
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{3, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    turns();
    turns();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_GE(value(counters_.failures), 1U);
    EXPECT_LT(value(counters_.failures), 10U);  // not once a turn
    EXPECT_TRUE(run_until([&] { return one_.clients.size() == 1; }));
}

TEST_P(HandoffEngineTest, ADecisionThatNobodyWaitsForIsIgnored) {
    engine_.join(*listener_, one_);
    connect_and_turn();
    engine_.decided(one_, 99, false);
    EXPECT_EQ(one_.undecided(), 1U);
    one_.decide();
    EXPECT_EQ(one_.undecided(), 0U);
}

}  // namespace

}  // namespace berth

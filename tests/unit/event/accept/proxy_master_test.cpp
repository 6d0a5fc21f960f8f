// The master's part of strategy=proxy: what is counted as waiting for a worker.
#include <gtest/gtest.h>

#include "event/accept/proxy.hpp"
#include "tests/unit/event/accept/serving.hpp"

namespace berth {

namespace {

class ProxyMasterTest : public ::testing::Test {
 protected:
    ProxyMasterTest() {
        const std::string folder = "/tmp/berth-doors-" + std::to_string(::getpid());
        Loaded loaded = load_config("pid " + folder +
                                    ".pid; events { accept_strategy proxy; worker_listen unix:" + folder +
                                    "; } http { server { listen 127.0.0.1:1; } }");
        EXPECT_NE(loaded.cycle, nullptr) << loaded.report;
        cycle_ = std::move(loaded.cycle);
        Listening::Entry& entry = cycle_->own<Listening>().entries.front();
        entry.address = Address::ipv4(INADDR_LOOPBACK, 0);
        entry.private_address = [](unsigned) { return Address::ipv4(INADDR_LOOPBACK, 0); };
        EXPECT_TRUE(listeners_.prepare(cycle_->conf<Listening>(), 1));
        board_.fronts().slots = 1;
        master_ = make_proxy_master(*loop_, listeners_, board_);
        master_->serve(*cycle_);
    }
    FrontBoard::Place& place() { return board_.fronts().places[0]; }

    std::unique_ptr<EventLoop> loop_ = std::move(EventLoop::create()).value();
    Scoreboard board_ = std::move(Scoreboard::create()).value();
    std::unique_ptr<Cycle> cycle_;
    ListenerSet listeners_;
    std::unique_ptr<AcceptMaster> master_;
};

TEST_F(ProxyMasterTest, WhatADeadFrontCountedIsForgottenOnAPortThatIsNeverQuiet) {
    place().offered = 2;
    for (int i = 0; i < 1000 && place().waiting() > 0; ++i) {
        // Another front goes on: counts, and what it brings is taken.
        ++place().offered;
        ++place().taken;
        loop_->run_once(Duration(10));
    }
    EXPECT_EQ(place().waiting(), 0U);
    EXPECT_EQ(place().difference(), 0);
}

TEST_F(ProxyMasterTest, WhatIsInTheSocketStillWaits) {
    const Listener& door = *listeners_.items()[0].privates.front().listener;
    const FileDescriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    place().offered = 1;
    ASSERT_EQ(::connect(client.get(), door.address().data(), door.address().length()), 0);
    const TimePoint begin = loop_->now();
    while (loop_->now() - begin < Duration(2000)) loop_->run_once(Duration(100));
    EXPECT_EQ(place().waiting(), 1U);
}

TEST_F(ProxyMasterTest, WhatTwoBinariesCountedApartFillsNoWindowOnceOneIsAlone) {
    board_.fronts().keeps_secret = true;
    place().offered = 7;
    place().taken = 5;
    master_->alone();
    EXPECT_EQ(place().difference(), 0);
    EXPECT_FALSE(board_.fronts().keeps_secret);
}

TEST_F(ProxyMasterTest, WhatNobodyHasTakenIsStrandedWhileTheServerRests) {
    EXPECT_FALSE(master_->stranded());
    const Listener& door = *listeners_.items()[0].privates.front().listener;
    const FileDescriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    place().offered = 1;
    ASSERT_EQ(::connect(client.get(), door.address().data(), door.address().length()), 0);
    EXPECT_TRUE(master_->stranded());
    board_.fronts().keeps_secret = true;
    EXPECT_FALSE(master_->stranded()) << "the other binary has the same ports";
    master_->alone();
    EXPECT_EQ(place().waiting(), 1U);
    EXPECT_TRUE(master_->stranded());
}

}  // namespace

}  // namespace berth

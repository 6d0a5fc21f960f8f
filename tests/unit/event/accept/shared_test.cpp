// strategy=shared: accepting, its limits, and its end, in one worker on a real loop.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vector>

#include "event/accept/accept_strategy.hpp"
#include "tests/unit/event/accept/serving.hpp"

namespace berth {

namespace {

class SharedStrategyTest : public ServingTest {
 protected:
    ~SharedStrategyTest() override {
        for (const int fd : clients_) ::close(fd);
    }

    void serve(const std::string& events) {
        load(events);
        worker_->when_overloaded(Callback<>::to<&SharedStrategyTest::on_overloaded>(*this));
        worker_->accept_connections();
    }
    void on_overloaded() { ++passed_on_; }

    int connect() {
        const Address to = Address::of_socket(listeners_.items()[0].listener->fd());
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(::connect(fd, to.data(), to.length()), 0);
        clients_.push_back(fd);
        return fd;
    }
    void hang_up(int fd) {
        std::erase(clients_, fd);
        ::close(fd);
    }
    bool greeted(int fd) {
        char byte = 0;
        for (int i = 0; i < 500; ++i) {
            if (::recv(fd, &byte, 1, MSG_DONTWAIT) == 1) return true;
            loop_->run_once(Duration(5));
        }
        return false;
    }
    void drain() { worker_->drain(Drain::politely, Callback<>::to<&SharedStrategyTest::on_ended>(*this)); }
    void on_ended() { ended_ = true; }

    std::vector<int> clients_;
    bool ended_ = false;
    unsigned passed_on_ = 0;
};

TEST_F(SharedStrategyTest, AcceptsAndCounts) {
    serve("");
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(greeted(connect()));
    EXPECT_EQ(counters().accepted.load(), 40U);
    EXPECT_EQ(counters().refused.load(), 0U);
    EXPECT_EQ(worker_->connections().used(), 40U);
}

TEST_F(SharedStrategyTest, TakesAllThatWaitWithMultiAccept) {
    serve("multi_accept on;");
    std::vector<int> waiting;
    for (int i = 0; i < 100; ++i) waiting.push_back(connect());
    for (const int fd : waiting) ASSERT_TRUE(greeted(fd));
    EXPECT_LE(counters().wakeups.load(), 10U);
}

TEST_F(SharedStrategyTest, WaitsForASlotInsteadOfRefusing) {
    serve("worker_connections 2;");
    const int first = connect();
    ASSERT_TRUE(greeted(first));
    ASSERT_TRUE(greeted(connect()));
    const int third = connect();
    for (int i = 0; i < 5; ++i) loop_->run_once(Duration(1));
    EXPECT_EQ(counters().accepted.load(), 2U);
    EXPECT_GT(passed_on_, 0U);
    hang_up(first);
    EXPECT_TRUE(greeted(third));
    EXPECT_EQ(counters().refused.load(), 0U);
}

TEST_F(SharedStrategyTest, WithoutDescriptorsItPausesAndGoesOn) {
    serve("");
    const int waiting = connect();
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    rlimit none = before;
    none.rlim_cur = 3;
    ::setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < 50; ++i) loop_->run_once(Duration(0));
    ::setrlimit(RLIMIT_NOFILE, &before);
    // Once, not in every turn.
    EXPECT_EQ(counters().failures.load(), 1U);
    EXPECT_EQ(passed_on_, 1U);
    EXPECT_TRUE(greeted(waiting));
}

TEST_F(SharedStrategyTest, DrainingItTakesWhatWaitsAndNothingAfter) {
    serve("");
    const int waiting = connect();
    drain();
    EXPECT_TRUE(greeted(waiting));
    const int late = connect();
    EXPECT_FALSE(ended_);
    hang_up(waiting);
    for (int i = 0; i < 500 && !ended_; ++i) loop_->run_once(Duration(5));
    EXPECT_TRUE(ended_);
    char byte = 0;
    EXPECT_EQ(::recv(late, &byte, 1, MSG_DONTWAIT), -1);  // it waits for somebody else
    EXPECT_EQ(counters().accepted.load(), 1U);
}

// Also one that was looked for what is forgotten, and found no room.
TEST_F(SharedStrategyTest, WhilePausedItBeginsByItselfNeverAgain) {
    load("worker_connections 1;");
    Listener& listener = *listeners_.items()[0].listener;
    const auto strategy =
        make_shared_strategy(*worker_, listener, listener.fd(), counters(), Waking::one, {&Greeting::open});
    strategy->arm();
    const int first = connect();
    ASSERT_TRUE(greeted(first));
    strategy->pause();
    const int second = connect();
    strategy->nudge();
    hang_up(first);
    ASSERT_TRUE(run_until([&] { return worker_->connections().used() == 0; }));
    const TimePoint begin = loop_->now();
    while (loop_->now() - begin < Duration(50)) loop_->run_once(Duration(10));
    EXPECT_EQ(counters().accepted.load(), 1U);
    strategy->resume();
    EXPECT_TRUE(greeted(second));
}

}  // namespace

}  // namespace berth

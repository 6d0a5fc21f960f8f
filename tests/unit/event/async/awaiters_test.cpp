// Tests of what coroutines wait for: order, fairness, and cancelling in the middle.
#include "event/async/awaiters.hpp"

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "event/async/root.hpp"
#include "tests/unit/event/loop_fixture.hpp"

namespace berth {
namespace {

class AwaitersTest : public testing::Test {
 protected:
    AwaitersTest() : loop_(std::move(*EventLoop::create())), scope_(*loop_) {}

    void turn() { loop_->run_once(Duration(0)); }
    Root<>& start(Async<void> work) {
        Root<>& root = roots_.emplace_back();
        root.start(std::move(work), Continuation([](void*) {}, nullptr));
        return root;
    }

    std::unique_ptr<EventLoop> loop_;
    OwnScope scope_;
    std::vector<int> log_;
    std::deque<Root<>> roots_;
};

Async<void> wait_for(Scope&, Event& event, std::vector<int>& log, int name) {
    co_await event.wait();
    log.push_back(name);
}

TEST_F(AwaitersTest, AnEventWakesAllAndStaysSet) {
    Event event(*loop_);
    start(wait_for(scope_, event, log_, 1));
    start(wait_for(scope_, event, log_, 2));
    turn();
    EXPECT_TRUE(log_.empty());
    event.set();
    EXPECT_TRUE(log_.empty()) << "whoever sets it does not run the waiters";
    turn();
    EXPECT_EQ(log_, (std::vector{1, 2}));
    start(wait_for(scope_, event, log_, 3));
    EXPECT_EQ(log_.size(), 3u) << "already set: no wait";
    event.reset();
    start(wait_for(scope_, event, log_, 4));
    turn();
    EXPECT_EQ(log_.size(), 3u);
}

TEST_F(AwaitersTest, ACancelledWaiterIsNotWoken) {
    Event event(*loop_);
    Root<>& one = start(wait_for(scope_, event, log_, 1));
    Root<>& two = start(wait_for(scope_, event, log_, 2));
    start(wait_for(scope_, event, log_, 3));
    one.destroy();
    event.set();
    two.destroy();  // woken, but cancelled before it ran
    turn();
    EXPECT_EQ(log_, std::vector{3});
}

Async<void> hold(Scope& scope, Semaphore& semaphore, Event& let_go, std::vector<int>& log, int name) {
    co_await semaphore.acquire();
    log.push_back(name);
    co_await let_go.wait();
    semaphore.release();
    co_await yield(scope);
}

TEST_F(AwaitersTest, ASemaphoreIsFair) {
    Semaphore semaphore(*loop_, 2);
    Event let_go(*loop_);
    for (int i = 1; i <= 4; ++i) start(hold(scope_, semaphore, let_go, log_, i));
    EXPECT_EQ(log_, (std::vector{1, 2}));
    EXPECT_EQ(semaphore.available(), 0u);
    let_go.set();
    for (int i = 0; i < 4; ++i) turn();
    EXPECT_EQ(log_, (std::vector{1, 2, 3, 4}));
    EXPECT_EQ(semaphore.available(), 2u);
}

TEST_F(AwaitersTest, APermitGivenToACancelledWaiterGoesToTheNext) {
    Semaphore semaphore(*loop_, 0);
    Event let_go(*loop_);
    Root<>& first = start(hold(scope_, semaphore, let_go, log_, 1));
    start(hold(scope_, semaphore, let_go, log_, 2));
    semaphore.release();
    first.destroy();
    turn();
    EXPECT_EQ(log_, std::vector{2});
    roots_.clear();
    semaphore.release();
    EXPECT_EQ(semaphore.available(), 1u);
}

Async<void> watch_gate(Scope&, Gate& gate, bool& drained) {
    co_await gate.drained();
    drained = true;
}

TEST_F(AwaitersTest, AGateIsDrainedWhenClosedAndEmpty) {
    Gate gate(*loop_);
    bool drained = false;
    EXPECT_TRUE(gate.enter());
    EXPECT_TRUE(gate.enter());
    start(watch_gate(scope_, gate, drained));
    gate.leave();
    gate.close();
    EXPECT_FALSE(gate.enter());
    turn();
    EXPECT_FALSE(drained);
    EXPECT_EQ(gate.inside(), 1u);
    gate.leave();
    turn();
    EXPECT_TRUE(drained);
}

Async<int> after(Scope&, Event& event, int value) {
    co_await event.wait();
    co_return value;
}

Async<void> join(Scope& scope, Event& one, Event& two, std::vector<int>& log) {
    Async<int> first = after(scope, one, 1);
    Async<int> second = after(scope, two, 2);
    std::pair<int, int> both = co_await when_both(std::move(first), std::move(second));
    log.push_back(both.first);
    log.push_back(both.second);
}

TEST_F(AwaitersTest, WhenBothWaitsForBothInAnyOrder) {
    for (int order = 0; order < 4; ++order) {
        Event one(*loop_), two(*loop_);
        if (order == 2) one.set();
        if (order == 3) one.set(), two.set();
        log_.clear();
        start(join(scope_, one, two, log_));
        (order == 0 ? one : two).set();
        turn();
        if (order < 2) {
            EXPECT_TRUE(log_.empty());
            (order == 0 ? two : one).set();
            turn();
        }
        EXPECT_EQ(log_, (std::vector{1, 2})) << "order " << order;
    }
}

TEST_F(AwaitersTest, CancellingWhenBothCancelsBoth) {
    Event one(*loop_), two(*loop_);
    Root<>& root = start(join(scope_, one, two, log_));
    one.set();
    turn();
    root.destroy();
    two.set();
    turn();
    EXPECT_TRUE(log_.empty());
}

Async<void> limited(Scope& scope, Event& event, Duration time, std::vector<int>& log) {
    Async<int> work = after(scope, event, 5);
    std::optional<int> value = co_await with_deadline(scope, time, std::move(work));
    log.push_back(value.value_or(-1));
}

TEST_F(AwaitersTest, ADeadlineCancelsTheWork) {
    Event event(*loop_);
    start(limited(scope_, event, Duration(1), log_));
    for (int i = 0; log_.empty() && i < 1000; ++i) loop_->run_once(Duration(10));
    EXPECT_EQ(log_, std::vector{-1});
    event.set();
    turn();
    EXPECT_EQ(log_.size(), 1u);
}

TEST_F(AwaitersTest, WorkInTimeKeepsItsValue) {
    Event event(*loop_);
    start(limited(scope_, event, std::chrono::hours(1), log_));
    event.set();
    turn();
    EXPECT_EQ(log_, std::vector{5});
    start(limited(scope_, event, std::chrono::hours(1), log_));
    EXPECT_EQ(log_, (std::vector{5, 5})) << "finished at once";
}

Async<void> sleeper(Scope& scope, Duration time, std::vector<int>& log) {
    co_await sleep(scope, time);
    log.push_back(1);
}

TEST_F(AwaitersTest, SleepingForNoTimeDoesNotWaitAndACancelledSleepLeavesNoTimer) {
    start(sleeper(scope_, Duration(0), log_));
    EXPECT_EQ(log_, std::vector{1});
    Root<>& root = start(sleeper(scope_, std::chrono::hours(1), log_));
    EXPECT_EQ(loop_->timers().size(), 1u);
    root.destroy();
    EXPECT_EQ(loop_->timers().size(), 0u);
}

}  // namespace
}  // namespace berth

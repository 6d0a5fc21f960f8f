// Tests of the timer heap, with a clock of their own.
#include "event/timer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

namespace berth {
namespace {

TimePoint at(int ms) { return TimePoint(Duration(ms)); }

struct Alarm {
    explicit Alarm(std::vector<int>& log, int name) : log_(log), name_(name) {}
    void fire() {
        log_.push_back(name_);
        if (next) next();
    }
    std::vector<int>& log_;
    int name_;
    std::function<void()> next;
    Timer timer{Callback<>::to<&Alarm::fire>(*this)};
};

class TimerQueueTest : public testing::Test {
 protected:
    Alarm& alarm(int name) { return *alarms_.emplace_back(std::make_unique<Alarm>(fired_, name)); }

    std::vector<int> fired_;
    TimerQueue queue_;
    std::vector<std::unique_ptr<Alarm>> alarms_;
};

TEST_F(TimerQueueTest, FiresInOrderOfDeadlineAndOnce) {
    for (int ms : {30, 10, 20}) queue_.set(alarm(ms).timer, at(ms));
    EXPECT_EQ(queue_.next(), at(10));
    EXPECT_EQ(queue_.fire(at(9)), 0u);
    EXPECT_EQ(queue_.fire(at(25)), 2u);
    EXPECT_EQ(queue_.fire(at(30)), 1u);
    EXPECT_EQ(queue_.fire(at(1000)), 0u);
    EXPECT_EQ(fired_, (std::vector{10, 20, 30}));
    EXPECT_EQ(queue_.next(), kNever);
}

TEST_F(TimerQueueTest, ADeadlineMovedLaterKeepsItsPlaceUntilThatComesUp) {
    Alarm& a = alarm(1);
    queue_.set(a.timer, at(10));
    queue_.set(a.timer, at(50));
    EXPECT_EQ(queue_.next(), at(10)) << "moving later touches nothing but the timer";
    EXPECT_EQ(queue_.fire(at(10)), 0u);
    EXPECT_EQ(queue_.next(), at(50));
    EXPECT_EQ(queue_.fire(at(50)), 1u);
}

TEST_F(TimerQueueTest, ADeadlineMovedEarlierFiresEarlier) {
    Alarm& a = alarm(1);
    queue_.set(alarm(2).timer, at(20));
    queue_.set(a.timer, at(50));
    queue_.set(a.timer, at(5));
    EXPECT_EQ(queue_.fire(at(5)), 1u);
    EXPECT_EQ(fired_, std::vector{1});
    EXPECT_FALSE(a.timer.armed());
}

TEST_F(TimerQueueTest, AStoppedTimerDoesNotFireAndCanBeStartedAgain) {
    Alarm& a = alarm(1);
    queue_.set(a.timer, at(10));
    a.timer.stop();
    EXPECT_FALSE(a.timer.armed());
    EXPECT_EQ(queue_.fire(at(20)), 0u);
    EXPECT_EQ(queue_.size(), 0u);
    queue_.set(a.timer, at(30));
    a.timer.stop();
    queue_.set(a.timer, at(25));
    EXPECT_EQ(queue_.fire(at(25)), 1u);
}

TEST_F(TimerQueueTest, ATimerThatRearmsItselfForNowWaitsForTheNextTurn) {
    Alarm& a = alarm(1);
    a.next = [&] {
        if (fired_.size() < 3) queue_.set(a.timer, at(10));
    };
    queue_.set(a.timer, at(10));
    EXPECT_EQ(queue_.fire(at(10)), 1u);
    EXPECT_EQ(queue_.fire(at(10)), 1u);
    EXPECT_EQ(queue_.fire(at(10)), 1u);
    EXPECT_EQ(queue_.fire(at(10)), 0u);
}

TEST_F(TimerQueueTest, OneThatFiresMayDestroyStopOrMoveOthersThatAreDue) {
    Alarm& first = alarm(1);
    auto doomed = std::make_unique<Alarm>(fired_, 2);
    Alarm& stopped = alarm(3);
    Alarm& moved = alarm(4);
    queue_.set(first.timer, at(1));
    queue_.set(doomed->timer, at(2));
    queue_.set(stopped.timer, at(3));
    queue_.set(moved.timer, at(4));
    first.next = [&] {
        doomed.reset();
        stopped.timer.stop();
        queue_.set(moved.timer, at(100));
    };
    EXPECT_EQ(queue_.fire(at(10)), 1u);
    EXPECT_EQ(fired_, std::vector{1});
    EXPECT_EQ(queue_.fire(at(100)), 1u);
    EXPECT_EQ(fired_, (std::vector{1, 4}));
}

TEST_F(TimerQueueTest, DestroyingAQueueDisarmsItsTimers) {
    Alarm& a = alarm(1);
    {
        TimerQueue other;
        other.set(a.timer, at(10));
    }
    EXPECT_FALSE(a.timer.armed());
    queue_.set(a.timer, at(5));
    EXPECT_EQ(queue_.fire(at(5)), 1u);
}

TEST_F(TimerQueueTest, AgreesWithASortedListOnRandomSchedules) {
    std::mt19937 random(7);
    std::vector<int> deadline(200, -1);  // -1: not armed
    for (int i = 0; i < 200; ++i) alarm(i);
    int now = 0;
    for (int step = 0; step < 20000; ++step) {
        const std::size_t i = random() % alarms_.size();
        switch (random() % 4) {
            case 0:
            case 1:
                deadline[i] = now + 1 + static_cast<int>(random() % 500);
                queue_.set(alarms_[i]->timer, at(deadline[i]));
                break;
            case 2:
                deadline[i] = -1;
                random() % 2 != 0 ? alarms_[i]->timer.stop() : queue_.remove(alarms_[i]->timer);
                break;
            default: {
                now += static_cast<int>(random() % 20);
                std::vector<int> due;
                for (int k = 0; k < 200; ++k) {
                    int& when = deadline[static_cast<std::size_t>(k)];
                    if (when < 0 || when > now) continue;
                    due.push_back(k);
                    when = -1;
                }
                fired_.clear();
                queue_.fire(at(now));
                std::sort(fired_.begin(), fired_.end());
                ASSERT_EQ(fired_, due) << "at step " << step;
            }
        }
    }
}

}  // namespace
}  // namespace berth

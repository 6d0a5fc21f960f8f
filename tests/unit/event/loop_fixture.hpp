// What the tests of the event layer share: a loop on each poller, and running it until something has
// happened.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "event/loop.hpp"

namespace berth {

// Runs every test once on each poller; instantiate with BERTH_ON_EACH_POLLER(Suite).
class LoopTest : public testing::TestWithParam<const char*> {
 protected:
    LoopTest() : loop_(std::move(*EventLoop::create(GetParam()))) {}

    EventLoop& loop() { return *loop_; }

    // False when it has not come true after far more turns than anything here needs.
    bool run_until(const std::function<bool()>& happened) {
        for (int turn = 0; turn < 20000; ++turn) {
            if (happened()) return true;
            loop_->run_once(Duration(10));
        }
        return false;
    }

    void turn() { loop_->run_once(Duration(0)); }

    std::unique_ptr<EventLoop> loop_;
};

#define BERTH_ON_EACH_POLLER(Suite)                          \
    INSTANTIATE_TEST_SUITE_P(                                \
        EachPoller, Suite, testing::Values("epoll", "poll"), \
        [](const testing::TestParamInfo<const char*>& poller) { return std::string(poller.param); })

}  // namespace berth

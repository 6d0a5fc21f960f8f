// Fronts that wait are woken by workers that take; others are left alone.
#include "event/accept/front_wake.hpp"

#include <memory>
#include <string_view>

#include "tests/unit/event/loop_fixture.hpp"

namespace berth {

namespace {

class FrontWakeTest : public LoopTest {
 protected:
    FrontWakeTest() { wakers_.provide(2); }
    Callback<> woken() { return Callback<>::to<&FrontWakeTest::on_woken>(*this); }
    void on_woken() { ++woken_; }
    FrontBoard::Place& place(unsigned slot) { return board_->places[slot]; }

    std::unique_ptr<FrontBoard> board_ = std::make_unique<FrontBoard>();
    FrontWakers wakers_;
    int woken_ = 0;
};

TEST_P(FrontWakeTest, WhoAskedIsToldOnce) {
    FrontWake front(loop(), *board_, 1, wakers_.of(1));
    front.add(woken());
    wakers_.taken(place(0));
    turn();
    EXPECT_EQ(woken_, 0);
    front.ask(0);
    wakers_.taken(place(3));
    turn();
    EXPECT_EQ(woken_, 0);
    wakers_.taken(place(0));
    wakers_.taken(place(0));
    for (int i = 0; i < 3; ++i) turn();
    EXPECT_EQ(woken_, 1);
    front.ask(0);
    wakers_.taken(place(0));
    turn();
    EXPECT_EQ(woken_, 2);
}

TEST_P(FrontWakeTest, AllWhoAskedAreTold) {
    FrontWake first(loop(), *board_, 0, wakers_.of(0));
    FrontWake second(loop(), *board_, 1, wakers_.of(1));
    first.add(woken());
    second.add(woken());
    first.ask(2);
    second.ask(2);
    wakers_.taken(place(2));
    turn();
    EXPECT_EQ(woken_, 2);
}

// The front of an old generation, and the one that has its slot now, each with its loop.
TEST_P(FrontWakeTest, TwoOfOneSlotAreTold) {
    if (std::string_view(GetParam()) != "epoll") GTEST_SKIP() << "others look by themselves";
    const std::unique_ptr<EventLoop> other = *EventLoop::create(GetParam());
    FrontWake old(*other, *board_, 0, wakers_.of(0));
    FrontWake young(loop(), *board_, 0, wakers_.of(0));
    old.add(woken());
    young.add(woken());
    for (int i = 1; i <= 2; ++i) {
        young.ask(0);
        wakers_.taken(place(0));
        turn();
        EXPECT_EQ(woken_, 2 * i - 1);
        other->run_once(Duration(0));
        EXPECT_EQ(woken_, 2 * i);
    }
}

TEST_P(FrontWakeTest, WithoutAWakerNobodyIsTold) {
    EXPECT_EQ(wakers_.of(2), -1);
    FrontWake front(loop(), *board_, 2, wakers_.of(2));
    front.add(woken());
    front.ask(0);
    wakers_.taken(place(0));
    turn();
    EXPECT_EQ(woken_, 0);
}

BERTH_ON_EACH_POLLER(FrontWakeTest);

}  // namespace

}  // namespace berth

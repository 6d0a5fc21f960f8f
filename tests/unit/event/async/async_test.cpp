// Tests of Async<T>: ready values, frames in the scope's arena, completion without stack, cancellation.
#include "event/async/async.hpp"

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "event/async/awaiters.hpp"
#include "event/async/root.hpp"
#include "tests/unit/event/loop_fixture.hpp"

namespace berth {
namespace {

// Counts how many of it exist.
class Counted {
 public:
    explicit Counted(int& alive) : alive_(alive) { ++alive_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --alive_; }

 private:
    int& alive_;
};

class AsyncTest : public testing::Test {
 protected:
    AsyncTest() : loop_(std::move(*EventLoop::create())), scope_(*loop_) {}

    // Runs the work to its end.
    template <class T>
    T finish(Async<T> work) {
        Root<T> root;
        if (!root.start(std::move(work), Continuation([](void*) {}, nullptr))) {
            for (int turns = 0; root.running(); ++turns) {
                EXPECT_LT(turns, 1'000'000);
                loop_->run_once(Duration(10));
            }
        }
        return root.take();
    }

    std::unique_ptr<EventLoop> loop_;
    OwnScope scope_;
};

Async<int> waits(Scope& scope, int value) {
    co_await yield(scope);
    co_return value;
}

Async<int> at_once(Scope&, int value) { co_return value; }

Async<int> ready_or_not(Scope& scope, bool must_wait) {
    if (!must_wait) return 1;
    return waits(scope, 2);
}

Async<Result<std::string>> fails(Scope& scope) {
    co_await yield(scope);
    co_return Error("no such thing", ENOENT);
}

TEST_F(AsyncTest, AReadyValueCostsNoFrame) {
    Async<int> ready = ready_or_not(scope_, false);
    EXPECT_TRUE(ready.ready());
    EXPECT_TRUE(ready.immediate());
    EXPECT_EQ(ready.take(), 1);
    EXPECT_EQ(scope_.arena().reserved(), 0u) << "nothing was allocated";
    EXPECT_TRUE(Async<void>().ready());
    EXPECT_EQ(finish(ready_or_not(scope_, true)), 2);
    EXPECT_GT(scope_.arena().reserved(), 0u) << "frames live in the scope's arena";
}

TEST_F(AsyncTest, NothingRunsBeforeItIsAwaited) {
    int alive = 0;
    struct Local {
        static Async<void> run(Scope&, int& alive) {
            Counted here(alive);
            alive += 10;
            co_return;
        }
    };
    {
        Async<void> lazy = Local::run(scope_, alive);
        EXPECT_FALSE(lazy.ready());
        EXPECT_EQ(alive, 0);
    }
    EXPECT_EQ(alive, 0);
}

TEST_F(AsyncTest, CarriesResultsAndMoveOnlyValues) {
    const Result<std::string> failed = finish(fails(scope_));
    ASSERT_FALSE(failed.ok());
    EXPECT_EQ(failed.error().code, ENOENT);
    struct Local {
        static Async<std::unique_ptr<int>> make(Scope& scope) {
            co_await yield(scope);
            co_return std::make_unique<int>(7);
        }
    };
    EXPECT_EQ(*finish(Local::make(scope_)), 7);
}

class Counter {
 public:
    explicit Counter(int step) : step_(step) {}
    Async<int> add(Scope& scope, int to) {
        int before = co_await waits(scope, to);
        co_return before + step_;
    }

 private:
    int step_;
};

class Exchange : public OwnScope {
 public:
    using OwnScope::OwnScope;
    Async<int> member_of_a_scope(int value) {
        co_await yield(*this);
        co_return value + 1;
    }
    Async<int> with_another_scope(Scope& other, std::string text) {
        co_await yield(other);
        co_return static_cast<int>(text.size());
    }
};

TEST_F(AsyncTest, MembersAndDerivedScopesWork) {
    Counter counter(5);
    EXPECT_EQ(finish(counter.add(scope_, 2)), 7);
    Exchange exchange(*loop_);
    EXPECT_EQ(finish(exchange.member_of_a_scope(1)), 2);
    EXPECT_EQ(finish(exchange.with_another_scope(scope_, "four")), 4);
}

Async<long> relay(Scope& scope, int rounds) {
    long sum = 0;
    for (int i = 0; i < rounds; ++i) {
        int got = co_await waits(scope, 1);
        sum += got;
    }
    co_return sum;
}

TEST_F(AsyncTest, ARelayOfManyAwaitsAllocatesOnce) {
    EXPECT_EQ(finish(relay(scope_, 100)), 100);
    const std::size_t after_a_hundred = scope_.arena().reserved();
    EXPECT_EQ(finish(relay(scope_, 100'000)), 100'000);
    EXPECT_EQ(scope_.arena().reserved(), after_a_hundred);
}

Async<long> busy(Scope& scope, int rounds) {
    long sum = 0;
    for (int i = 0; i < rounds; ++i) {
        int got = co_await at_once(scope, 1);
        sum += got;
    }
    co_return sum;
}

TEST_F(AsyncTest, AMillionSynchronousCompletionsNeedNoStack) {
    EXPECT_EQ(finish(busy(scope_, 1'000'000)), 1'000'000);
}

Async<int> deep(Scope& scope, int depth) {
    if (depth == 0) co_return co_await waits(scope, 0);
    int below = co_await deep(scope, depth - 1);
    co_return below + 1;
}

TEST_F(AsyncTest, ALongChainUnwindsWithoutStack) {
    // Going down needs the stack; coming up, after the wait, does not.
    EXPECT_EQ(finish(deep(scope_, 2000)), 2000);
}

Async<void> inner(Scope& scope, int& alive, int waits_left) {
    Counted here(alive);
    while (waits_left-- > 0) co_await yield(scope);
}

Async<int> outer(Scope& scope, int& alive) {
    Counted here(alive);
    co_await inner(scope, alive, 2);
    Counted there(alive);
    co_await sleep(scope, Duration(1));
    int value = co_await waits(scope, 3);
    co_return value;
}

TEST_F(AsyncTest, CanBeCancelledAtEverySuspension) {
    int finished_after = -1;
    for (int turns = 0; finished_after < 0; ++turns) {
        ASSERT_LT(turns, 1000);
        int alive = 0;
        {
            Root<int> root;
            root.start(outer(scope_, alive), Continuation([](void*) {}, nullptr));
            for (int i = 0; i < turns; ++i) loop_->run_once(Duration(10));
            if (!root.running()) finished_after = turns;
        }
        EXPECT_EQ(alive, 0) << "cancelled after " << turns << " turns";
        loop_->run_once(Duration(0));
    }
    EXPECT_GE(finished_after, 2);
}

TEST_F(AsyncTest, AssigningCancelsWhatWasThere) {
    int alive = 0;
    Async<int> work = outer(scope_, alive);
    EXPECT_FALSE(work.start(Continuation([](void*) { FAIL(); }, nullptr)));
    EXPECT_EQ(alive, 2);
    work = Async<int>(4);
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(work.take(), 4);
    loop_->run_once(Duration(0));
}

Async<void> cancels_its_own_root(Running& running, int& alive) {
    Counted here(alive);
    co_await yield(running);
    running.cancel();
    EXPECT_EQ(alive, 1) << "nothing is destroyed from inside";
    running.cancel();
    co_await yield(running);
    ADD_FAILURE() << "cancelled work went on";
}

TEST_F(AsyncTest, ARootCancelledFromInsideIsBuried) {
    int alive = 0;
    bool done = false;
    Running& running = Running::open(*loop_);
    running.start(cancels_its_own_root(running, alive),
                  Continuation([](void* flag) { *static_cast<bool*>(flag) = true; }, &done));
    EXPECT_EQ(alive, 1);
    loop_->run_once(Duration(10));
    EXPECT_EQ(alive, 0);
    loop_->run_once(Duration(0));
    EXPECT_FALSE(done);
}

TEST_F(AsyncTest, RunningReportsItsEndAndBuriesItself) {
    int alive = 0;
    bool done = false;
    const Continuation tell([](void* flag) { *static_cast<bool*>(flag) = true; }, &done);
    Running& waiting = Running::open(*loop_);
    waiting.start(inner(waiting, alive, 1), tell);
    EXPECT_FALSE(done);
    loop_->run_once(Duration(10));
    EXPECT_TRUE(done);
    EXPECT_EQ(alive, 0);

    done = false;
    Running& immediate = Running::open(*loop_);
    immediate.start(Async<void>(), tell);
    EXPECT_TRUE(done);
    loop_->run_once(Duration(0));
}

TEST_F(AsyncTest, ARootCanBeStartedAgainByWhoIsToldOfItsEnd) {
    struct Again {
        Scope& scope;
        Root<int> root;
        std::vector<int> seen;
        void next() {
            seen.push_back(root.take());
            if (seen.size() < 3) begin();
        }
        void begin() {
            const int value = static_cast<int>(seen.size());
            root.start(waits(scope, value), Continuation::to<&Again::next>(*this));
        }
    } again{scope_, {}, {}};
    again.begin();
    while (again.seen.size() < 3) loop_->run_once(Duration(10));
    EXPECT_EQ(again.seen, (std::vector{0, 1, 2}));
}

// Four levels over three kinds of waiting, cancelled at a random moment or not at all.
Async<int> leaf(Scope& scope, int& alive, unsigned kind, Semaphore& semaphore) {
    Counted here(alive);
    if (kind % 3 == 0) co_await yield(scope);
    const Duration nap(kind % 32 == 1 ? 1 : 0);  // few wait for real time
    if (kind % 3 == 1) co_await sleep(scope, nap);
    if (kind % 3 == 2) {
        co_await semaphore.acquire();
        co_await yield(scope);
        semaphore.release();
    }
    co_return 1;
}

Async<int> branch(Scope& scope, int& alive, unsigned kind, Semaphore& semaphore, int depth) {
    Counted here(alive);
    if (depth == 0) co_return co_await leaf(scope, alive, kind, semaphore);
    int left = co_await branch(scope, alive, kind + 1, semaphore, depth - 1);
    Async<int> one = leaf(scope, alive, kind, semaphore);
    Async<int> two = leaf(scope, alive, kind / 3, semaphore);
    std::pair<int, int> both = co_await when_both(std::move(one), std::move(two));
    co_return left + both.first + both.second;
}

TEST_F(AsyncTest, TwentyThousandRandomSchedulesLeaveNothingBehind) {
    std::mt19937 random(20260101);
    int cancelled = 0;
    for (int round = 0; round < 20'000; ++round) {
        int alive = 0;
        Semaphore semaphore(*loop_,
                            8);  // a cancelled holder does not give its permit back: each round has its own
        {
            OwnScope scope(*loop_);
            Root<int> root;
            const auto kind = static_cast<unsigned>(random());
            root.start(branch(scope, alive, kind, semaphore, 3), Continuation([](void*) {}, nullptr));
            for (auto turns = random() % 20; turns > 0 && root.running(); --turns)
                loop_->run_once(Duration(2));
            if (root.running()) {
                ++cancelled;
            } else {
                EXPECT_EQ(root.take(), 7);
            }
        }
        ASSERT_EQ(alive, 0) << "round " << round;
    }
    EXPECT_GT(cancelled, 1000);
    EXPECT_LT(cancelled, 18'000);
    loop_->run_once(Duration(0));
}

}  // namespace
}  // namespace berth

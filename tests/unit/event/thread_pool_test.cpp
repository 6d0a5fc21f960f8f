// Tests of the thread pool: jobs that outlive who asked for them, a full queue, an orderly end.
#include "event/thread_pool.hpp"

#include <atomic>
#include <future>
#include <memory>

#include "event/async/root.hpp"
#include "tests/unit/event/loop_fixture.hpp"

namespace berth {
namespace {

struct Fate {
    std::atomic<int> executed{0};
    std::atomic<int> destroyed{0};
};

class CountingJob : public Job {
 public:
    CountingJob(Fate& fate, std::shared_future<void> go) : fate_(fate), go_(std::move(go)) {}
    ~CountingJob() override { ++fate_.destroyed; }
    int result() const noexcept { return result_; }

 private:
    void execute() noexcept override {
        if (go_.valid()) go_.wait();
        result_ = 42;
        ++fate_.executed;
    }

    Fate& fate_;
    std::shared_future<void> go_;
    int result_ = 0;
};

Async<int> compute(Scope& scope, ThreadPool& pool, std::unique_ptr<CountingJob> job) {
    std::unique_ptr<CountingJob> done = co_await pool.perform(scope, std::move(job));
    if (done == nullptr) co_return -1;
    co_return done->result();
}

class ThreadPoolTest : public LoopTest {
 protected:
    std::unique_ptr<CountingJob> job() {
        return std::make_unique<CountingJob>(fate_, std::shared_future<void>());
    }
    std::unique_ptr<CountingJob> held_job() { return std::make_unique<CountingJob>(fate_, go_); }
    static constexpr Continuation kIgnore{[](void*) {}, nullptr};

    Fate fate_;
    std::promise<void> release_;
    std::shared_future<void> go_{release_.get_future()};
};
BERTH_ON_EACH_POLLER(ThreadPoolTest);

TEST_P(ThreadPoolTest, GivesTheJobBackOnTheLoop) {
    ThreadPool pool(2, 16);
    OwnScope scope(loop());
    Root<int> root;
    EXPECT_FALSE(root.start(compute(scope, pool, job()), kIgnore));
    EXPECT_TRUE(run_until([&] { return !root.running(); }));
    EXPECT_EQ(root.take(), 42);
    EXPECT_EQ(fate_.destroyed, 1);
}

TEST_P(ThreadPoolTest, AJobOutlivesWhoAskedForIt) {
    ThreadPool pool(1, 16);
    {
        OwnScope scope(loop());
        Root<int> root;
        root.start(compute(scope, pool, held_job()), kIgnore);
    }
    EXPECT_EQ(fate_.destroyed, 0);
    release_.set_value();
    EXPECT_TRUE(run_until([&] { return fate_.destroyed == 1; }));
    EXPECT_EQ(fate_.executed, 1);
}

TEST_P(ThreadPoolTest, AFullQueueIsSaidAtOnce) {
    ThreadPool pool(1, 1);
    OwnScope scope(loop());
    EXPECT_TRUE(pool.submit(loop(), held_job()));
    EXPECT_TRUE(run_until([&] { return pool.queued() == 0; }));
    EXPECT_TRUE(pool.submit(loop(), held_job()));
    EXPECT_FALSE(pool.submit(loop(), job()));
    Root<int> root;
    EXPECT_TRUE(root.start(compute(scope, pool, job()), kIgnore));
    EXPECT_EQ(root.take(), -1);
    release_.set_value();
    EXPECT_TRUE(run_until([&] { return fate_.destroyed == 4; }));
    EXPECT_EQ(fate_.executed, 2);
}

TEST_P(ThreadPoolTest, StoppingFinishesWhatIsQueued) {
    auto pool = std::make_unique<ThreadPool>(3, 1000);
    for (int i = 0; i < 200; ++i) ASSERT_TRUE(pool->submit(loop(), job()));
    pool->stop();
    EXPECT_EQ(fate_.executed, 200);
    EXPECT_FALSE(pool->submit(loop(), job()));
    pool.reset();
    loop_.reset();  // what the loop never came to is freed by it
    EXPECT_EQ(fate_.destroyed, 201);
}

TEST_P(ThreadPoolTest, ManyJobsFromOneLoop) {
    ThreadPool pool(4, 65536);
    OwnScope scope(loop());
    std::vector<std::unique_ptr<Root<int>>> roots;
    for (int i = 0; i < 500; ++i) {
        roots.push_back(std::make_unique<Root<int>>());
        roots.back()->start(compute(scope, pool, job()), kIgnore);
        if (i % 3 == 0) roots.pop_back();
    }
    for (auto& root : roots) {
        ASSERT_TRUE(run_until([&] { return !root->running(); }));
        EXPECT_EQ(root->take(), 42);
    }
    EXPECT_TRUE(run_until([&] { return fate_.destroyed == 500; }));
}

}  // namespace
}  // namespace berth

// ThreadPool: threads for what would block a loop: disk reads, opens, key derivation.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "event/async/async.hpp"
#include "event/loop.hpp"

namespace berth {

// A piece of work that owns everything it touches (buffers, descriptors, strings): when whoever asked for it
// is cancelled, the job is orphaned, runs to its end, and frees itself on the loop. Nothing in it may point
// into a frame, a request or an arena, and execute() may call nothing of a loop.
class Job : private RemoteTask {
 public:
    ~Job() override = default;

 protected:
    // On a thread of the pool.
    virtual void execute() noexcept = 0;

 private:
    friend class ThreadPool;
    template <class J>
    friend class JobWait;

    void run() override;
    void abandoned() noexcept override { delete this; }

    EventLoop* loop_ = nullptr;
    Callback<> finished_;  // on the loop; empty once orphaned
};

// co_await pool.perform(scope, std::move(job)) gives the job back, finished; null when the queue is full or
// the pool has stopped: then nothing was done.
template <class J>
class JobWait;

// Outlived by the loops whose jobs it takes: its destructor finishes the queue, and joins. Thread-safe.
class ThreadPool {
 public:
    // nginx's defaults are 32 threads and 65536 queued jobs. Threads start with the first job: after fork().
    explicit ThreadPool(std::size_t threads = 32, std::size_t queue = 65536) noexcept
        : thread_limit_(threads), queue_limit_(queue) {}
    ThreadPool(const ThreadPool&) = delete;
    ThreadPool& operator=(const ThreadPool&) = delete;
    ~ThreadPool() { stop(); }

    template <class J>
    JobWait<J> perform(Scope& scope, std::unique_ptr<J> job) noexcept {
        return JobWait<J>(*this, scope.loop(), std::move(job));
    }

    // The same; a job for which there is no room comes back through `refused`, which outlives the wait.
    template <class J>
    JobWait<J> perform(Scope& scope, std::unique_ptr<J> job, std::unique_ptr<J>& refused) noexcept {
        return JobWait<J>(*this, scope.loop(), std::move(job), &refused);
    }

    // Fire and forget: the job frees itself on the loop. False when the queue is full; the job is destroyed
    // then.
    bool submit(EventLoop& loop, std::unique_ptr<Job> job);

    // Finishes what is queued, takes nothing more, joins the threads.
    void stop() noexcept;

    std::size_t queued() const noexcept;

 private:
    template <class J>
    friend class JobWait;

    bool enqueue(Job& job, EventLoop& loop, Callback<> finished);
    bool add_thread();
    void work() noexcept;

    const std::size_t thread_limit_;
    const std::size_t queue_limit_;
    mutable std::mutex mutex_;
    std::condition_variable available_;
    std::deque<Job*> queue_;
    std::vector<std::thread> threads_;
    std::size_t sleeping_ = 0;
    bool stopping_ = false;
};

template <class J>
class JobWait {
 public:
    JobWait(ThreadPool& pool, EventLoop& loop, std::unique_ptr<J> job,
            std::unique_ptr<J>* refused = nullptr) noexcept
        : pool_(pool), loop_(loop), job_(std::move(job)), refused_(refused) {}
    JobWait(const JobWait&) = delete;
    JobWait& operator=(const JobWait&) = delete;
    ~JobWait() {
        if (!running_) return;
        static_cast<Job*>(job_.get())->finished_ = Callback<>();
        static_cast<void>(job_.release());  // orphaned: it frees itself
    }

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> waiting) {
        waiting_ = waiting;
        running_ = pool_.enqueue(*job_, loop_, Callback<>(&finished, this));
        if (running_) return true;
        std::unique_ptr<J> job = std::move(job_);
        if (refused_ != nullptr) *refused_ = std::move(job);
        return false;
    }
    std::unique_ptr<J> await_resume() noexcept { return std::move(job_); }

 private:
    static void finished(void* self) {
        auto& wait = *static_cast<JobWait*>(self);
        wait.running_ = false;
        internal::trampoline(internal::resumption(wait.waiting_));
    }

    ThreadPool& pool_;
    EventLoop& loop_;
    std::unique_ptr<J> job_;
    std::unique_ptr<J>* refused_;
    std::coroutine_handle<> waiting_;
    bool running_ = false;
};

}  // namespace berth

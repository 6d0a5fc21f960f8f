// The thread pool: a bounded queue, threads that start when they are needed.
#include "event/thread_pool.hpp"

#include <pthread.h>

#include <csignal>
#include <system_error>

namespace berth {

namespace {

// Signals belong to the thread of the loop, which reads them from a signalfd.
class SignalsBlocked {
 public:
    SignalsBlocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
    sigset_t before_;
};

}  // namespace

void Job::run() {
    if (finished_) {
        finished_();
    } else {
        delete this;
    }
}

bool ThreadPool::submit(EventLoop& loop, std::unique_ptr<Job> job) {
    if (!enqueue(*job, loop, Callback<>())) return false;
    static_cast<void>(job.release());
    return true;
}

bool ThreadPool::enqueue(Job& job, EventLoop& loop, Callback<> finished) {
    const std::lock_guard lock(mutex_);
    if (stopping_ || queue_.size() >= queue_limit_) return false;
    if (sleeping_ <= queue_.size() && threads_.size() < thread_limit_ && !add_thread()) return false;
    job.loop_ = &loop;
    job.finished_ = finished;
    queue_.push_back(&job);
    available_.notify_one();
    return true;
}

// False when there is no thread at all to do the work.
bool ThreadPool::add_thread() {
    const SignalsBlocked blocked;
    try {
        threads_.emplace_back([this] { work(); });
        pthread_setname_np(threads_.back().native_handle(), "berth: pool");
    } catch (const std::system_error&) {
        return !threads_.empty();
    }
    return true;
}

void ThreadPool::work() noexcept {
    std::unique_lock lock(mutex_);
    for (;;) {
        ++sleeping_;
        available_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
        --sleeping_;
        if (queue_.empty()) return;
        Job* job = queue_.front();
        queue_.pop_front();
        lock.unlock();
        EventLoop* loop = job->loop_;
        job->execute();
        loop->post_from_thread(*job);
        lock.lock();
    }
}

void ThreadPool::stop() noexcept {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
    }
    available_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
}

std::size_t ThreadPool::queued() const noexcept {
    const std::lock_guard lock(mutex_);
    return queue_.size();
}

}  // namespace berth

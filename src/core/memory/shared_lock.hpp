// SharedLock: a lock in shared memory that survives the death of its holder.
#pragma once

#include <pthread.h>

namespace berth {

// Lives in memory that several processes have mapped (MAP_SHARED); never copied or moved. Constructed by one
// process before the others can see it. When a holder dies, even of SIGKILL, the next one to lock gets the
// lock and is told so (pthread_mutexattr_setrobust(3)). Not recursive. Hold it briefly: waiting for it blocks
// the whole loop.
class SharedLock {
 public:
    SharedLock();
    SharedLock(const SharedLock&) = delete;
    SharedLock& operator=(const SharedLock&) = delete;

    // Holds the lock for its own lifetime.
    class [[nodiscard]] Guard {
     public:
        explicit Guard(SharedLock& lock) noexcept;
        // As above; repair(subject) is called under the lock when it was recovered.
        Guard(SharedLock& lock, void (*repair)(void*) noexcept, void* subject) noexcept : Guard(lock) {
            if (recovered_) repair(subject);
        }
        Guard(const Guard&) = delete;
        Guard& operator=(const Guard&) = delete;
        ~Guard();

        // The previous holder died with the lock: what it guards may be half changed. The holder of this
        // guard checks or rebuilds it; if it dies too, the next one is told again.
        bool recovered() const noexcept { return recovered_; }
        // False only for a Guard of try_lock that found the lock taken (or a lock that is broken beyond
        // repair).
        bool held() const noexcept { return held_; }

     private:
        friend class SharedLock;
        struct Try {};
        Guard(SharedLock& lock, Try) noexcept;
        void settle(int result) noexcept;

        SharedLock& lock_;
        bool held_ = false;
        bool recovered_ = false;
    };

    Guard lock() noexcept { return Guard(*this); }
    // Does not wait; ask held().
    Guard try_lock() noexcept { return Guard(*this, Guard::Try{}); }

 private:
    pthread_mutex_t mutex_;
};

}  // namespace berth

// A robust, process-shared mutex.
#include "core/memory/shared_lock.hpp"

#include <cerrno>

namespace berth {

SharedLock::SharedLock() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void SharedLock::Guard::settle(int result) noexcept {
    recovered_ = result == EOWNERDEAD;
    held_ = result == 0 || recovered_;
    // At once: should this process die before it has looked at the data, the next one gets EOWNERDEAD again.
    if (recovered_) pthread_mutex_consistent(&lock_.mutex_);
}

SharedLock::Guard::Guard(SharedLock& lock) noexcept : lock_(lock) {
    settle(pthread_mutex_lock(&lock.mutex_));
}

SharedLock::Guard::Guard(SharedLock& lock, Try) noexcept : lock_(lock) {
    settle(pthread_mutex_trylock(&lock.mutex_));
}

SharedLock::Guard::~Guard() {
    if (held_) pthread_mutex_unlock(&lock_.mutex_);
}

}  // namespace berth

// Where coroutine frames live, and the roots that own themselves.
#include "event/async/async.hpp"

#include "event/async/awaiters.hpp"
#include "event/async/root.hpp"

namespace berth {

namespace internal {

namespace {

// In front of every frame: the arena it goes back to. As wide as the alignment that operator new promises.
struct alignas(std::max_align_t) FrameHeader {
    Arena* arena;
};

}  // namespace

void* allocate_frame(Arena& arena, std::size_t size) {
    auto* header = static_cast<FrameHeader*>(arena.allocate_frame(size + sizeof(FrameHeader)));
    header->arena = &arena;
    return header + 1;
}

void free_frame(void* frame, std::size_t size) noexcept {
    FrameHeader* header = static_cast<FrameHeader*>(frame) - 1;
    header->arena->free_frame(header, size + sizeof(FrameHeader));
}

}  // namespace internal

void Running::start(Async<void> work, Continuation done) {
    done_ = done;
    if (root_.start(std::move(work), Continuation::to<&Running::finished>(*this))) finished();
}

void Running::finished() {
    if (buried_) return;  // cancelled, and finished in the same turn
    buried_ = true;
    loop().bury(*this);
    if (done_) done_();
}

void Running::cancel() noexcept {
    if (buried_) return;
    buried_ = true;
    loop().bury(*this);
}

void Event::set() noexcept {
    set_ = true;
    while (Task* waiter = waiters_.pop_front()) loop_.post(*waiter);
}

bool Semaphore::try_acquire() noexcept {
    if (permits_ == 0) return false;
    --permits_;
    return true;
}

void Semaphore::release() noexcept {
    Task* first = waiters_.pop_front();
    if (first == nullptr) {
        ++permits_;
        return;
    }
    static_cast<Acquire*>(first)->given_ = true;
    loop_.post(*first);
}

Semaphore::Acquire::~Acquire() {
    if (given_ && !taken_) semaphore_.release();
}

bool Semaphore::Acquire::await_suspend(std::coroutine_handle<> waiting) noexcept {
    suspend(waiting);
    semaphore_.waiters_.push_back(*this);
    return true;
}

bool Gate::enter() noexcept {
    if (closed_) return false;
    ++inside_;
    return true;
}

void Gate::leave() noexcept {
    if (--inside_ == 0 && closed_) empty_.set();
}

void Gate::close() noexcept {
    closed_ = true;
    if (inside_ == 0) empty_.set();
}

}  // namespace berth

// AcceptBatch: how many connections are accepted in one go.
#pragma once

#include <algorithm>
#include <cstdint>

namespace berth {

// One at first, and twice as many as before while connections come faster than the loop's turns, up to
// `most`. Asking for one too many costs a system call that finds nothing, so after that nothing more is tried
// for a while: the longer, the more often in a row it was in vain. For a socket that is watched by level:
// what is left is reported again.
class AcceptBatch {
 public:
    explicit AcceptBatch(unsigned most) noexcept : most_(most) {}

    // For a go in this turn of the loop (EventLoop::Counters::turns).
    unsigned begin(std::uint64_t turn) noexcept {
        if (turn == last_turn_) return size_;
        const bool pressing = last_turn_ + 1 == turn;
        last_turn_ = turn;
        if (!pressing) {
            size_ = 1;
        } else if (calm_ > 0) {
            --calm_;
        } else {
            size_ = std::min(size_ * 2, most_);
        }
        return size_;
    }
    // So many there were, of begin()'s.
    void end(unsigned accepted) noexcept {
        if (accepted > 1) pause_ = 0;
        if (accepted >= size_) return;
        size_ = std::max(accepted, 1U);
        calm_ = pause_ = std::min(pause_ * 2 + 1, kLongestPause);
    }

 private:
    static constexpr unsigned kLongestPause = 15;  // turns

    const unsigned most_;
    unsigned size_ = 1;
    unsigned pause_ = 0;
    unsigned calm_ = 0;
    std::uint64_t last_turn_ = 0;
};

}  // namespace berth

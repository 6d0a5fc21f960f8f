// RetryBudget: how many requests of an upstream may be sent a second time.
#pragma once

#include <algorithm>
#include <cstdint>

namespace berth::upstream {

// Each request earns a share of a retry, each retry costs one; a reserve stands by from the beginning. So
// retries stay a share of the traffic, however many backends fail.
class RetryBudget {
 public:
    // A request came in that may be retried later.
    void earn(std::uint32_t percent) noexcept { credit_ = std::min(credit_ + percent, kMost); }
    // Whether one more retry is within it.
    bool spend() noexcept {
        if (credit_ < kOne) return false;
        credit_ -= kOne;
        return true;
    }
    // What was spent on a retry that there was none of.
    void give_back() noexcept { credit_ = std::min(credit_ + kOne, kMost); }

 private:
    static constexpr std::uint32_t kOne = 100;  // in hundredths
    static constexpr std::uint32_t kReserve = 100 * kOne;
    static constexpr std::uint32_t kMost = 1000 * kOne;
    std::uint32_t credit_ = kReserve;
};

}  // namespace berth::upstream

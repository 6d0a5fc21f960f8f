// Histogram: how often which value was seen, to three percent, in a fixed room that may be shared memory.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace berth {

// Log-linear: values below 64 each have a bucket of their own, above that each power of two is divided into
// 32 equal ones. A bucket is told by its middle, at most 1.6 % from any value in it. The unit is the user's
// (request times: microseconds); values from kLimit on count as the largest below it.
struct HistogramBuckets {
    static constexpr unsigned kStepBits = 5;
    static constexpr std::size_t kCount = 1024;
    static constexpr std::uint64_t kLimit = std::uint64_t{1} << 36U;  // 19 hours of microseconds

    static constexpr std::size_t index(std::uint64_t value) noexcept {
        if (value >= kLimit) value = kLimit - 1;
        const auto width = static_cast<unsigned>(std::bit_width(value));
        const unsigned shift = width > kStepBits + 1 ? width - kStepBits - 1 : 0;
        return (std::size_t{shift} << kStepBits) + static_cast<std::size_t>(value >> shift);
    }
    // The smallest value of a bucket; of index kCount: kLimit.
    static constexpr std::uint64_t first(std::size_t index) noexcept {
        if (index < std::size_t{2} << kStepBits) return index;
        const std::size_t shift = (index >> kStepBits) - 1;
        return (index - (shift << kStepBits)) << shift;
    }
    static constexpr std::uint64_t middle(std::size_t index) noexcept {
        return first(index) + (first(index + 1) - first(index)) / 2;
    }
};

// Plain zeroed memory is an empty one: it may stand in fresh shared memory without being constructed. No
// locks: what a reader sees of several numbers may be one value apart.
class Histogram {
 public:
    // By the only writer: three plain stores.
    void record(std::uint64_t value) noexcept {
        add(buckets_[HistogramBuckets::index(value)], 1);
        add(sum_, value);
        if (value > max_.load(std::memory_order_relaxed)) max_.store(value, std::memory_order_relaxed);
    }
    // By one of several writers.
    void record_shared(std::uint64_t value) noexcept {
        buckets_[HistogramBuckets::index(value)].fetch_add(1, std::memory_order_relaxed);
        sum_.fetch_add(value, std::memory_order_relaxed);
        std::uint64_t seen = max_.load(std::memory_order_relaxed);
        while (seen < value && !max_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {}
    }
    // Adds what the other counted; the only writer of this one does.
    void merge(const Histogram& other) noexcept;
    void clear() noexcept;

 private:
    friend class HistogramSum;
    using Counter = std::atomic<std::uint64_t>;

    static void add(Counter& counter, std::uint64_t by) noexcept {
        counter.store(counter.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
    }

    Counter buckets_[HistogramBuckets::kCount];
    Counter sum_;
    Counter max_;
};

// What several histograms counted together, at the time they were added.
class HistogramSum {
 public:
    HistogramSum() = default;
    explicit HistogramSum(const Histogram& histogram) { add(histogram); }

    void add(const Histogram& histogram) noexcept;

    std::uint64_t count() const noexcept { return count_; }
    std::uint64_t sum() const noexcept { return sum_; }
    std::uint64_t max() const noexcept { return max_; }
    // The value that a share of all (0.99) does not exceed; 0 when nothing was counted.
    std::uint64_t quantile(double share) const noexcept;
    // How many were at most `value`. Exact for values below 64, and to three percent of `value` above.
    std::uint64_t count_to(std::uint64_t value) const noexcept;

 private:
    std::array<std::uint64_t, HistogramBuckets::kCount> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace berth

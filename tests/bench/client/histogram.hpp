// Histogram: how long requests took, in log-linear buckets: exact below 256 ns, then within 0.4 %.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace berth::bench {

class Histogram {
 public:
    void add(std::uint64_t nanoseconds) noexcept {
        ++buckets_[bucket_of(nanoseconds)];
        ++count_;
        sum_ += nanoseconds;
        max_ = std::max(max_, nanoseconds);
    }

    std::uint64_t count() const noexcept { return count_; }
    std::uint64_t max() const noexcept { return max_; }
    double mean() const noexcept {
        return count_ == 0 ? 0.0 : static_cast<double>(sum_) / static_cast<double>(count_);
    }

    // The smallest duration (middle of its bucket) that `percent` of all were not above; the largest is
    // exact.
    std::uint64_t percentile(double percent) const noexcept {
        if (percent >= 100) return max_;
        const double wanted = percent / 100.0 * static_cast<double>(count_);
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_[i];
            if (buckets_[i] > 0 && static_cast<double>(seen) >= wanted) return std::min(middle_of(i), max_);
        }
        return max_;
    }

 private:
    // Each power of two from 2^8 on has 2^7 buckets; durations beyond the last one (78 hours) are put into
    // it.
    static constexpr unsigned kFine = 7;
    static constexpr unsigned kOctaves = 40;

    static std::size_t bucket_of(std::uint64_t value) noexcept {
        const unsigned width = static_cast<unsigned>(std::bit_width(value));
        if (width <= kFine + 1) return static_cast<std::size_t>(value);
        const unsigned shift = width - kFine - 1;
        const std::size_t bucket = (std::size_t{shift} << kFine) + static_cast<std::size_t>(value >> shift);
        return std::min(bucket, kBuckets - 1);
    }
    static std::uint64_t middle_of(std::size_t bucket) noexcept {
        if (bucket < (std::size_t{2} << kFine)) return bucket;
        const std::size_t shift = (bucket >> kFine) - 1;
        const std::uint64_t first = (bucket - (shift << kFine)) << shift;
        return first + ((std::uint64_t{1} << shift) >> 1);
    }

    static constexpr std::size_t kBuckets = (std::size_t{kOctaves} + 1) << kFine;
    std::array<std::uint64_t, kBuckets> buckets_{};
    std::uint64_t count_ = 0;
    std::uint64_t sum_ = 0;
    std::uint64_t max_ = 0;
};

}  // namespace berth::bench

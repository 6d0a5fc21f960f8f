// Adding histograms up, and reading values from the sum.
#include "core/metrics/histogram.hpp"

#include <algorithm>
#include <cmath>

namespace berth {

void Histogram::merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < HistogramBuckets::kCount; ++i) {
        const std::uint64_t seen = other.buckets_[i].load(std::memory_order_relaxed);
        if (seen != 0) add(buckets_[i], seen);
    }
    add(sum_, other.sum_.load(std::memory_order_relaxed));
    max_.store(std::max(max_.load(std::memory_order_relaxed), other.max_.load(std::memory_order_relaxed)),
               std::memory_order_relaxed);
}

// Pages that were never written are not touched.
void Histogram::clear() noexcept {
    for (Counter& bucket : buckets_) {
        if (bucket.load(std::memory_order_relaxed) != 0) bucket.store(0, std::memory_order_relaxed);
    }
    sum_.store(0, std::memory_order_relaxed);
    max_.store(0, std::memory_order_relaxed);
}

void HistogramSum::add(const Histogram& histogram) noexcept {
    for (std::size_t i = 0; i < HistogramBuckets::kCount; ++i) {
        const std::uint64_t seen = histogram.buckets_[i].load(std::memory_order_relaxed);
        buckets_[i] += seen;
        count_ += seen;
    }
    sum_ += histogram.sum_.load(std::memory_order_relaxed);
    max_ = std::max(max_, histogram.max_.load(std::memory_order_relaxed));
}

std::uint64_t HistogramSum::quantile(double share) const noexcept {
    if (count_ == 0) return 0;
    const double wanted = std::ceil(std::clamp(share, 0.0, 1.0) * static_cast<double>(count_));
    const auto rank = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(wanted));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
        seen += buckets_[i];
        if (seen >= rank) return std::min(HistogramBuckets::middle(i), max_);
    }
    return max_;
}

std::uint64_t HistogramSum::count_to(std::uint64_t value) const noexcept {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size() && HistogramBuckets::middle(i) <= value; ++i) {
        seen += buckets_[i];
    }
    return seen;
}

}  // namespace berth

// Taking the lease with one compare-and-swap.
#include "event/accept/lease.hpp"

namespace berth {

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

TimePoint AcceptLease::deadline_of(std::uint64_t word) noexcept {
    return TimePoint(Duration(static_cast<Duration::rep>(word >> kIdBits)));
}

// Never 0, which is nobody.
std::uint64_t AcceptLease::short_id(std::uint64_t worker) noexcept { return worker % kIdMask + 1; }

bool AcceptLease::take(std::uint64_t worker, TimePoint now, Duration length) noexcept {
    const std::uint64_t id = short_id(worker);
    std::uint64_t held = word_.load(std::memory_order_acquire);
    const bool own = id_of(held) == id;
    if (own && deadline_of(held) - now > length / 2) return true;
    if (!own && id_of(held) != 0 && now < deadline_of(held)) return false;
    const auto until = static_cast<std::uint64_t>((now + length).time_since_epoch().count());
    return word_.compare_exchange_strong(held, (until << kIdBits) | id, std::memory_order_acq_rel);
}

bool AcceptLease::release(std::uint64_t worker) noexcept {
    std::uint64_t held = word_.load(std::memory_order_acquire);
    if (id_of(held) != short_id(worker)) return false;
    return word_.compare_exchange_strong(held, 0, std::memory_order_acq_rel);
}

bool AcceptLease::is_of(std::uint64_t worker) const noexcept {
    return id_of(word_.load(std::memory_order_acquire)) == short_id(worker);
}

bool AcceptLease::is_free(TimePoint now) const noexcept {
    const std::uint64_t held = word_.load(std::memory_order_acquire);
    return id_of(held) == 0 || now >= deadline_of(held);
}

TimePoint AcceptLease::deadline() const noexcept {
    return deadline_of(word_.load(std::memory_order_acquire));
}

}  // namespace berth

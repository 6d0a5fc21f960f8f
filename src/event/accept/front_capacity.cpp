// Dividing a front's descriptors.
#include "event/accept/front_capacity.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace berth {

namespace {

// What a front opens besides: logs that are opened again, what the library needs for a moment.
constexpr std::size_t kReserve = 8;
constexpr std::size_t kClient = 2;
constexpr std::size_t kPipe = 2;
constexpr std::size_t kShareOfPipes = 8;  // an eighth of all, at least

}  // namespace

FrontCapacity FrontCapacity::of(std::size_t wanted, std::size_t descriptors) noexcept {
    const std::size_t usable = descriptors - std::min(descriptors, kReserve);
    FrontCapacity capacity;
    // One client at least: then it is the kernel that says what is missing.
    capacity.clients =
        std::min(wanted, std::max<std::size_t>((usable - usable / kShareOfPipes) / kClient, 1));
    capacity.pipes = (usable - std::min(usable, capacity.clients * kClient)) / kPipe;
    return capacity;
}

std::size_t free_descriptors() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return ~std::size_t{0};
    std::error_code error;
    rlim_t open = 0;
    for (std::filesystem::directory_iterator each("/proc/self/fd", error), end; !error && each != end;
         each.increment(error)) {
        ++open;
    }
    return limit.rlim_cur - std::min(limit.rlim_cur, open);
}

}  // namespace berth

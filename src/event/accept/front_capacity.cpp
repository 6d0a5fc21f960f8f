// Dividing a front's descriptors.
#include "event/accept/front_capacity.hpp"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>

namespace berth {

namespace {

// What a front opens besides: logs that are opened again, what the library needs for a moment.
constexpr std::size_t kReserve = 8;
constexpr std::size_t kClient = 2;
constexpr std::size_t kPipe = 2;
constexpr std::size_t kShareOfPipes = 8;  // an eighth of all, at least
// The lowest free descriptor is always the next, so that those of a process that has just begun are below.
constexpr rlim_t kLooked = 1024;

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
    rlim_t open = 0;
    const auto end = static_cast<int>(std::min(limit.rlim_cur, kLooked));
    for (int fd = 0; fd < end; ++fd) open += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    return limit.rlim_cur - std::min(limit.rlim_cur, open);
}

}  // namespace berth

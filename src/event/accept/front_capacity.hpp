// FrontCapacity: how many clients a front can have with the descriptors that it may open.
#pragma once

#include <cstddef>

namespace berth {

// A client takes two descriptors: its own, and that of the connection to its worker. While much goes one way
// a pipe is lent to it, which has two more; without one its bytes are copied.
struct FrontCapacity {
    std::size_t clients = 0;
    std::size_t pipes = 0;

    // Of `wanted` clients, as many as `descriptors` allow; and the pipes for which some are left, always.
    static FrontCapacity of(std::size_t wanted, std::size_t descriptors) noexcept;
};

// How many more descriptors this process may open now (RLIMIT_NOFILE).
std::size_t free_descriptors() noexcept;

}  // namespace berth

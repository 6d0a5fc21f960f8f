// FNV-1a with 128 bits (draft-eastlake-fnv), as text.
#include "modules/upstream/route.hpp"

#include <fmt/format.h>

#include <cstdint>

namespace berth::upstream {

std::string route_of(std::string_view peer_name) {
    __extension__ using Wide = unsigned __int128;
    constexpr Wide kPrime = (Wide{1} << 88U) + 0x13b;
    Wide hash = (Wide{0x6c62272e07bb0142} << 64U) + 0x62b821756295c58d;
    for (const char c : peer_name) {
        hash ^= static_cast<unsigned char>(c);
        hash *= kPrime;
    }
    return fmt::format("{:016x}{:016x}", static_cast<std::uint64_t>(hash >> 64U),
                       static_cast<std::uint64_t>(hash));
}

}  // namespace berth::upstream

// Addresses for tests that need ports which follow each other.
#pragma once

#include <unistd.h>

#include <string>

namespace berth::test {

// One of this machine's loopback that no test in another process uses.
inline std::string own_loopback() {
    const auto pid = static_cast<unsigned>(::getpid());
    return "127." + std::to_string(2 + pid % 250) + "." + std::to_string(pid / 250 % 250) + ".1";
}

}  // namespace berth::test

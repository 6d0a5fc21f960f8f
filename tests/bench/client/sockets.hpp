// Sockets of the client: connections to 127.0.0.1 from many addresses, so that ports never run out.
#pragma once

#include <cstdint>
#include <string>

#include "tests/bench/client/options.hpp"

namespace berth::bench {

// A new socket on its way to 127.0.0.1:port, from 127.0.0.2 … .201 in turn; -1 with errno.
int open_connection(std::uint16_t port, bool blocking);

// The request for `path`, with "Connection: close" or without.
std::string request_for(const std::string& path, bool close);

}  // namespace berth::bench

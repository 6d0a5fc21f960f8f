// What the status says about upstreams, for every protocol that has them.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/metrics/status_writer.hpp"

namespace berth::upstream {

class Upstreams;

// A list of the upstreams with their peers, under `key`. `now` is monotonic_ms(). In the worker that was
// asked; the numbers are those of all workers.
void write_upstreams(StatusWriter& out, std::string_view key, const Upstreams& upstreams, std::uint64_t now);

}  // namespace berth::upstream

// What the status says about upstreams, for every protocol that has them.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/metrics/status_writer.hpp"

namespace berth::upstream {

class Upstream;
class Upstreams;

// A list of the upstreams with their peers, under `key`. `now` is monotonic_ms(). In the worker that was
// asked, or in the master; the numbers are those of all workers. Of one alone, if there is an `only`.
void write_upstreams(StatusWriter& out, std::string_view key, const Upstreams& upstreams, std::uint64_t now,
                     const Upstream* only = nullptr);

}  // namespace berth::upstream

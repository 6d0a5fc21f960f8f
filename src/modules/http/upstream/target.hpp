// Where text with variables leads: to an upstream, to an address, or to a name that is still to be resolved.
#pragma once

#include <cstdint>
#include <string_view>

#include "modules/http/upstream/exchange.hpp"

namespace berth::http {

// `text` is HOST[:PORT] or unix:PATH, and lives as long as the request. The status to answer with when it
// leads nowhere (logged), else 0.
int find_target(Request& request, std::string_view text, std::uint16_t default_port, UpstreamTarget& target);

}  // namespace berth::http

// route_of: the name that sticky gives a peer which has none of its own.
#pragma once

#include <string>
#include <string_view>

namespace berth::upstream {

// 32 hexadecimal digits that are the same for the same address in every process and every version, and that
// do not show it to whoever sees the cookie at a glance. It is no secret: the addresses are few.
std::string route_of(std::string_view peer_name);

}  // namespace berth::upstream

// The blocks of http{}: which directive may stand where.
#pragma once

#include "core/config/directive.hpp"

namespace berth::http {

inline constexpr Context in_http_block = 1U << 4;
inline constexpr Context in_server = 1U << 5;
inline constexpr Context in_location = 1U << 6;
inline constexpr Context in_server_if = 1U << 7;    // if{} directly in server{}
inline constexpr Context in_location_if = 1U << 8;  // if{} in location{}
inline constexpr Context in_limit_except = 1U << 9;
inline constexpr Context in_upstream = 1U << 10;

// What most directives say: http, server, location.
inline constexpr Context in_http = in_http_block | in_server | in_location;
inline constexpr Context in_if = in_location_if;

}  // namespace berth::http

// nginx's directives by name: what a configuration may mean even where this build has no row for it.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "core/config/directive.hpp"

namespace berth {

// nginx's blocks as a set of bits of its own (not a Context: the layers that name those stand above).
using KnownBlocks = std::uint32_t;
namespace known {
inline constexpr KnownBlocks main = 1U << 0, events = 1U << 1, http = 1U << 2, server = 1U << 3,
                             location = 1U << 4, server_if = 1U << 5, location_if = 1U << 6,
                             limit_except = 1U << 7, upstream = 1U << 8, stream = 1U << 9,
                             stream_server = 1U << 10, stream_upstream = 1U << 11, mail = 1U << 12,
                             mail_server = 1U << 13, mgmt = 1U << 14;
inline constexpr KnownBlocks kAny = (1U << 15) - 1;
}  // namespace known

struct KnownDirective {
    std::string_view name;
    std::string_view module;  // "http_gzip", as in --with-http_gzip_module; "core" is always there
    KnownBlocks contexts = 0;
    Kind kind = Kind::text;
    Arity arity;
    bool repeatable = false;
    KnownBlocks opens = 0;  // Kind::block
};

// All of them, sorted by name; a name that means different things in different blocks has an entry for each.
std::span<const KnownDirective> known_directives();
// Those called `name`; empty when nginx has no such directive.
std::span<const KnownDirective> find_known(std::string_view name);

}  // namespace berth

// Sticky: clients that stay with the peer they came to first.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/memory/arena.hpp"
#include "core/memory/zone.hpp"
#include "core/time/clock.hpp"
#include "core/value/value.hpp"
#include "modules/upstream/parameters.hpp"
#include "modules/upstream/sessions.hpp"

namespace berth::upstream {

// Of an upstream; the same for all its workers. A peer's route is what `server … route=` says, or route_of()
// its address.
struct Sticky {
    enum class By : std::uint8_t { cookie, route, learn };
    By by = By::cookie;
    // The first that is not empty is the route (cookie, route) or the session (learn) of a request.
    std::vector<Value> lookup;

    // cookie
    std::string cookie_name;
    std::string attributes;  // "; domain=example.com; path=/; secure", but for the time
    bool expires = false;
    bool expires_max = false;
    std::chrono::seconds lifetime{0};

    // learn
    std::vector<Value> create;  // asked when the head of an answer has come
    std::string zone_name;
    std::size_t zone_size = 0;
    Milliseconds timeout = 10min;
    std::unique_ptr<Sessions> sessions;  // after Upstream::prepare()

    // The route that the request brings; empty when there is none. Lives as long as the host's arena.
    std::string_view route_of_request(VariableHost& host, std::uint64_t now) const;
    // learn: remembers what the answer that this peer gave begins.
    void learn(VariableHost& host, std::string_view route, std::uint64_t now) const;
    // cookie: the value of Set-Cookie that binds a client to a route.
    std::string_view cookie(std::string_view route, Arena& arena, const WallClock& clock) const;
};

}  // namespace berth::upstream

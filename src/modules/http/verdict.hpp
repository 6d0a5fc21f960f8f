// Verdict: what a phase handler decided about a request.
#pragma once

#include <cstdint>

namespace berth::http {

// The phases a request goes through, in this order; those without handlers of modules are the engine's own.
enum class Phase : std::uint8_t {
    post_read,       // the head is complete: who is the client really
    server_rewrite,  // rewrites of the server block
    find_config,     // (engine) which location
    rewrite,         // rewrites of the location
    post_rewrite,    // (engine) was the URI changed: find the location again
    preaccess,       // limits
    access,          // who may; all or any of the handlers, by `satisfy`
    post_access,     // (engine) what `satisfy any` came to
    precontent,      // try_files, mirror
    content,         // the answer: the location's own handler, or the first of these that takes it
    log,             // after the answer was sent; cannot change anything
};
inline constexpr std::size_t kPhases = 11;

class Verdict {
 public:
    enum class Kind : std::uint8_t { next, allow, done, reply, restart };

    // Not mine: the next handler.
    static constexpr Verdict next() { return {Kind::next, 0}; }
    // Access phase: this one lets it pass (`satisfy any`: no other is asked).
    static constexpr Verdict allow() { return {Kind::allow, 0}; }
    // The whole response, `last` included, was handed to Request::send().
    static constexpr Verdict done() { return {Kind::done, 0}; }
    // Answer with this status, by way of error_page.
    static constexpr Verdict reply(int status) { return {Kind::reply, status}; }
    // Request::redirect() or jump() was called: the phases begin again from there.
    static constexpr Verdict restart() { return {Kind::restart, 0}; }

    constexpr Kind kind() const noexcept { return kind_; }
    constexpr int status() const noexcept { return status_; }

 private:
    constexpr Verdict(Kind kind, int status) : kind_(kind), status_(static_cast<std::int16_t>(status)) {}

    Kind kind_;
    std::int16_t status_;
};

}  // namespace berth::http

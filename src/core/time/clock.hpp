// Clocks: the monotonic one for deadlines, and a cached wall clock whose texts are formatted once a second.
#pragma once

#include <array>
#include <cstdint>
#include <ctime>
#include <string_view>

namespace berth {

// Milliseconds of CLOCK_MONOTONIC; never goes back. Asks the kernel (vDSO) at every call.
std::uint64_t monotonic_ms() noexcept;
// The same clock in microseconds.
std::uint64_t monotonic_us() noexcept;

// The wall time as one loop iteration sees it. One object a thread, updated by that thread; not thread-safe.
// All views stay valid, but change their content, at update(). Local times follow TZ as it was at the first
// use (tzset(3)).
class WallClock {
 public:
    WallClock() noexcept { update(); }

    // Reads the clock; formats the texts anew when the second changed. Cheap enough for every loop iteration.
    void update() noexcept;

    std::time_t seconds() const noexcept { return seconds_; }
    std::uint64_t milliseconds() const noexcept { return milliseconds_; }  // since 1970
    unsigned millisecond() const noexcept {
        return static_cast<unsigned>(milliseconds_ % 1000);
    }  // of this second

    std::string_view http_date() const noexcept {
        return {http_date_.data(), 29};
    }  // Sun, 06 Nov 1994 08:49:37 GMT
    std::string_view log_time() const noexcept {
        return {log_time_.data(), 26};
    }  // 21/Nov/2026:03:18:34 +0000
    std::string_view error_time() const noexcept { return {error_time_.data(), 19}; }  // 2026/11/21 03:18:34
    std::string_view iso8601() const noexcept { return {iso8601_.data(), 25}; }  // 2026-11-21T03:18:34+00:00
    std::string_view syslog_time() const noexcept { return {syslog_time_.data(), 15}; }  // Nov 21 03:18:34

 private:
    void format() noexcept;

    std::uint64_t milliseconds_ = 0;
    std::time_t seconds_ = -1;
    std::array<char, 29> http_date_{};
    std::array<char, 26> log_time_{};
    std::array<char, 19> error_time_{};
    std::array<char, 25> iso8601_{};
    std::array<char, 15> syslog_time_{};
};

// This thread's clock. Only whoever runs the thread's loop calls update(); on other threads, update() before
// use.
WallClock& wall_clock() noexcept;

}  // namespace berth

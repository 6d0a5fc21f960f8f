// Clocks, and the texts of the current second.
#include "core/time/clock.hpp"

#include <algorithm>
#include <cstdlib>

#include "core/text/number.hpp"
#include "core/time/http_date.hpp"

namespace berth {
namespace {

constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

char* put(char* out, int value, unsigned digits) noexcept {
    return format_padded(out, static_cast<std::uint64_t>(value), digits);
}
char* put(char* out, char c) noexcept { return *out = c, out + 1; }
char* put_month(char* out, const std::tm& time) noexcept { return std::copy_n(kMonths[time.tm_mon], 3, out); }

char* put_date(char* out, const std::tm& time, char separator) noexcept {
    out = put(put(out, time.tm_year + 1900, 4), separator);
    out = put(put(out, time.tm_mon + 1, 2), separator);
    return put(out, time.tm_mday, 2);
}

char* put_clock(char* out, const std::tm& time) noexcept {
    out = put(put(out, time.tm_hour, 2), ':');
    out = put(put(out, time.tm_min, 2), ':');
    return put(out, time.tm_sec, 2);
}

// "+0130", or "+01:30" with a separator.
char* put_zone(char* out, const std::tm& time, bool separated) noexcept {
    const int minutes = static_cast<int>(time.tm_gmtoff / 60);
    out = put(out, minutes < 0 ? '-' : '+');
    out = put(out, std::abs(minutes) / 60, 2);
    if (separated) out = put(out, ':');
    return put(out, std::abs(minutes) % 60, 2);
}

}  // namespace

std::uint64_t monotonic_us() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

std::uint64_t monotonic_ms() noexcept { return monotonic_us() / 1000; }

void WallClock::update() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    milliseconds_ =
        static_cast<std::uint64_t>(now.tv_sec) * 1000 + static_cast<std::uint64_t>(now.tv_nsec) / 1'000'000;
    if (now.tv_sec == seconds_) return;
    seconds_ = now.tv_sec;
    format();
}

void WallClock::format() noexcept {
    std::tm local{};
    ::localtime_r(&seconds_, &local);
    format_http_date(http_date_.data(), seconds_);

    char* out = put(put(log_time_.data(), local.tm_mday, 2), '/');
    out = put(put_month(out, local), '/');
    out = put(put(out, local.tm_year + 1900, 4), ':');
    put_zone(put(put_clock(out, local), ' '), local, false);

    put_clock(put(put_date(error_time_.data(), local, '/'), ' '), local);
    put_zone(put_clock(put(put_date(iso8601_.data(), local, '-'), 'T'), local), local, true);

    out = put(put_month(syslog_time_.data(), local), ' ');
    char* day = out;
    out = put(put(out, local.tm_mday, 2), ' ');
    if (*day == '0') *day = ' ';  // RFC 3164 §4.1.2
    put_clock(out, local);
}

WallClock& wall_clock() noexcept {
    thread_local WallClock clock;
    return clock;
}

}  // namespace berth

// Reading and applying expires.
#include "modules/http/expires.hpp"

#include <ctime>

#include "core/text/number.hpp"
#include "core/time/http_date.hpp"
#include "event/loop.hpp"

namespace berth::http {

namespace {

constexpr std::int64_t kDay = 24 * 60 * 60;

// The next time that a day of the local calendar is `seconds` old.
std::int64_t next_daily(std::int64_t seconds, std::time_t now) {
    std::tm day{};
    ::localtime_r(&now, &day);
    day.tm_hour = static_cast<int>(seconds / 3600);
    day.tm_min = static_cast<int>(seconds / 60 % 60);
    day.tm_sec = static_cast<int>(seconds % 60);
    day.tm_isdst = -1;
    const std::time_t today = ::mktime(&day);
    if (today > now) return today;
    ++day.tm_mday;
    return ::mktime(&day);
}

std::string_view max_age(Request& request, std::int64_t seconds) {
    if (seconds < 0) return "no-cache";
    constexpr std::string_view kName = "max-age=";
    auto room = request.arena().array<char>(kName.size() + kDecimalDigits);
    char* end = std::copy(kName.begin(), kName.end(), room.data());
    end = format_decimal(end, static_cast<std::uint64_t>(seconds));
    return {room.data(), static_cast<std::size_t>(end - room.data())};
}

void set(Request& request, std::string_view expires, std::string_view cache_control) {
    request.out().fields.set(KnownHeader::expires, expires);
    request.out().fields.set(KnownHeader::cache_control, cache_control);
}

}  // namespace

std::optional<Expires> Expires::parse(std::string_view text) {
    if (text == "off") return Expires{};
    if (text == "epoch") return Expires{Kind::epoch, 0};
    if (text == "max") return Expires{Kind::max, 0};
    const bool daily = text.starts_with('@');
    const bool negative = text.starts_with('-');
    if (daily || negative || text.starts_with('+')) text.remove_prefix(1);
    const auto time = parse_duration(text);
    if (!time) return std::nullopt;
    const std::int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(*time).count();
    if (!daily) return Expires{Kind::after, negative ? -seconds : seconds};
    if (seconds >= kDay) return std::nullopt;
    return Expires{Kind::daily, seconds};
}

void Expires::apply(Request& request) const {
    const std::time_t now = request.loop().wall().seconds();
    const auto modified_at = request.out().last_modified;
    std::int64_t at = now + seconds;
    switch (kind) {
        case Kind::off: return;
        case Kind::epoch: return set(request, "Thu, 01 Jan 1970 00:00:01 GMT", "no-cache");
        case Kind::max: return set(request, "Thu, 31 Dec 2037 23:55:55 GMT", "max-age=315360000");
        case Kind::after: break;
        case Kind::modified: at = modified_at ? *modified_at + seconds : at; break;
        case Kind::daily: at = next_daily(seconds, now); break;
    }
    auto date = request.arena().array<char>(kHttpDateSize);
    format_http_date(date.data(), static_cast<std::time_t>(at));
    set(request, {date.data(), date.size()}, max_age(request, at - now));
}

}  // namespace berth::http

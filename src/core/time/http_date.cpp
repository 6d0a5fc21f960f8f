// HTTP dates, to and from text, with no C library calendar in between: it would want a locale or a time zone.
#include "core/time/http_date.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"

namespace berth {
namespace {

constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kLongDays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                          "Thursday", "Friday", "Saturday"};
constexpr std::int64_t kSecondsADay = 86400;

// Reads a date from left to right; once something does not fit, everything fails.
class Reader {
 public:
    explicit Reader(std::string_view text) : text_(text) {}

    bool done() const noexcept { return ok_ && text_.empty(); }
    void expect(std::string_view literal) noexcept {
        ok_ = ok_ && text_.starts_with(literal);
        if (ok_) text_.remove_prefix(literal.size());
    }
    int number(std::size_t digits) noexcept {
        int value = 0;
        for (std::size_t i = 0; i < digits; ++i) {
            ok_ = ok_ && !text_.empty() && ascii::is_digit(text_.front());
            if (!ok_) return 0;
            value = value * 10 + (text_.front() - '0');
            text_.remove_prefix(1);
        }
        return value;
    }
    // asctime writes " 6" or "16".
    int padded_day() noexcept {
        if (!text_.starts_with(' ')) return number(2);
        text_.remove_prefix(1);
        return number(1);
    }
    unsigned month() noexcept { return three_letters(kMonths) + 1; }
    void short_day() noexcept { three_letters(kDays); }

 private:
    unsigned three_letters(std::string_view names) noexcept {
        ok_ = ok_ && text_.size() >= 3;
        if (!ok_) return 0;
        for (std::size_t at = 0; at < names.size(); at += 3) {
            if (names.substr(at, 3) != text_.substr(0, 3)) continue;
            text_.remove_prefix(3);
            return static_cast<unsigned>(at / 3);
        }
        ok_ = false;
        return 0;
    }

    std::string_view text_;
    bool ok_ = true;
};

struct Parts {
    int year = 0;
    unsigned month = 1;
    int day = 1;
    int hour = 0;
    int minute = 0;
    int second = 0;
};

void read_clock(Reader& in, Parts& parts) noexcept {
    parts.hour = in.number(2);
    in.expect(":");
    parts.minute = in.number(2);
    in.expect(":");
    parts.second = in.number(2);
}

std::optional<std::time_t> to_time(const Parts& parts) noexcept {
    using namespace std::chrono;
    const year_month_day date{year(parts.year), month(parts.month), day(static_cast<unsigned>(parts.day))};
    if (!date.ok() || parts.hour > 23 || parts.minute > 59 || parts.second > 60) return std::nullopt;
    const std::int64_t days = sys_days(date).time_since_epoch().count();
    return days * kSecondsADay + parts.hour * 3600 + parts.minute * 60 + parts.second;
}

std::optional<std::time_t> parse_imf(std::string_view text) noexcept {
    Reader in(text);
    Parts parts;
    in.short_day();
    in.expect(", ");
    parts.day = in.number(2);
    in.expect(" ");
    parts.month = in.month();
    in.expect(" ");
    parts.year = in.number(4);
    in.expect(" ");
    read_clock(in, parts);
    in.expect(" GMT");
    return in.done() ? to_time(parts) : std::nullopt;
}

std::optional<std::time_t> parse_rfc850(std::string_view text, std::size_t comma, std::time_t now) noexcept {
    if (std::find(std::begin(kLongDays), std::end(kLongDays), text.substr(0, comma)) == std::end(kLongDays)) {
        return std::nullopt;
    }
    Reader in(text.substr(comma));
    Parts parts;
    in.expect(", ");
    parts.day = in.number(2);
    in.expect("-");
    parts.month = in.month();
    in.expect("-");
    const int two_digits = in.number(2);
    in.expect(" ");
    read_clock(in, parts);
    in.expect(" GMT");
    if (!in.done()) return std::nullopt;

    using namespace std::chrono;
    const year_month_day today{floor<days>(sys_seconds(seconds(now)))};
    const int this_year = static_cast<int>(today.year());
    parts.year = this_year - this_year % 100 + two_digits;
    if (parts.year > this_year + 50) parts.year -= 100;
    return to_time(parts);
}

std::optional<std::time_t> parse_asctime(std::string_view text) noexcept {
    Reader in(text);
    Parts parts;
    in.short_day();
    in.expect(" ");
    parts.month = in.month();
    in.expect(" ");
    parts.day = in.padded_day();
    in.expect(" ");
    read_clock(in, parts);
    in.expect(" ");
    parts.year = in.number(4);
    return in.done() ? to_time(parts) : std::nullopt;
}

char* put(char* out, int value, unsigned digits) noexcept {
    return format_padded(out, static_cast<std::uint64_t>(value), digits);
}
char* put(char* out, std::string_view text) noexcept { return std::copy(text.begin(), text.end(), out); }

}  // namespace

char* format_http_date(char* out, std::time_t time) noexcept {
    using namespace std::chrono;
    constexpr std::time_t kFirst = -62167219200;  // year 0
    constexpr std::time_t kLast = 253402300799;   // the end of year 9999
    const sys_seconds moment{seconds(std::clamp(time, kFirst, kLast))};
    const sys_days date = floor<days>(moment);
    const year_month_day calendar{date};
    const auto second = static_cast<int>((moment - date).count());
    const std::size_t month = static_cast<unsigned>(calendar.month()) - 1;

    out = put(put(out, kDays.substr(weekday(date).c_encoding() * 3, 3)), ", ");
    out = put(put(out, static_cast<int>(static_cast<unsigned>(calendar.day())), 2), " ");
    out = put(put(out, kMonths.substr(month * 3, 3)), " ");
    out = put(put(out, static_cast<int>(calendar.year()), 4), " ");
    out = put(put(out, second / 3600, 2), ":");
    out = put(put(out, second / 60 % 60, 2), ":");
    return put(put(out, second % 60, 2), " GMT");
}

std::string http_date(std::time_t time) {
    char text[kHttpDateSize];
    return {text, format_http_date(text, time)};
}

std::optional<std::time_t> parse_http_date(std::string_view text, std::time_t now) noexcept {
    const std::size_t comma = text.find(',');
    if (comma == text.npos) return parse_asctime(text);
    if (comma == 3) return parse_imf(text);
    return parse_rfc850(text, comma, now);
}

std::optional<std::time_t> parse_http_date(std::string_view text) noexcept {
    return parse_http_date(text, std::time(nullptr));
}

}  // namespace berth

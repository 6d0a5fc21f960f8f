// The words of the error log: its levels, and the arguments of error_log.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "core/log/log.hpp"
#include "core/text/similar.hpp"

namespace berth {
namespace {

constexpr std::array<std::string_view, 8> kNames = {"emerg", "alert",  "crit", "error",
                                                    "warn",  "notice", "info", "debug"};

}  // namespace

std::string_view to_text(LogLevel level) noexcept { return kNames[static_cast<std::size_t>(level) - 1]; }

Result<LogLevel> parse_log_level(std::string_view text) {
    const auto place = std::find(kNames.begin(), kNames.end(), text);
    if (place != kNames.end()) return static_cast<LogLevel>(place - kNames.begin() + 1);
    std::string message = "invalid log level \"" + std::string(text) + "\"";
    const std::string_view near = closest(kNames, text);
    if (!near.empty()) return Error(message + ", did you mean \"" + std::string(near) + "\"?");
    message += fmt::format("; the levels are {}", fmt::join(kNames, ", "));
    if (text == "json") message += "; JSON lines are asked for by format=json";
    return Error(std::move(message));
}

Result<LogTarget> LogTarget::parse(std::span<const std::string_view> arguments) {
    LogTarget target;
    if (arguments.empty() || arguments.front().empty()) return Error("the error log has no place to go to");
    const std::string_view place = arguments.front();
    if (place == "stderr") {
        target.kind = Kind::standard_error;
    } else if (place.starts_with("syslog:")) {
        target.kind = Kind::syslog;
        auto syslog = SyslogTarget::parse(place.substr(7));
        if (!syslog) return syslog.error();
        target.syslog = *std::move(syslog);
    } else if (place.starts_with("memory:")) {
        return Error("logs in memory are not supported: a file, stderr or syslog: is expected");
    } else {
        target.path = place;
    }
    for (const std::string_view argument : arguments.subspan(1)) {
        if (argument == "format=json" || argument == "format=text") {
            target.json = argument == "format=json";
            continue;
        }
        const auto level = parse_log_level(argument);
        if (!level) return level.error();
        target.level = *level;
    }
    return target;
}

}  // namespace berth

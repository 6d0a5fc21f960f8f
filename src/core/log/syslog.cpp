// Syslog messages as datagrams.
#include "core/log/syslog.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/text/ascii.hpp"
#include "core/time/clock.hpp"

namespace berth {
namespace {

constexpr std::string_view kFacilities[] = {"kern",   "user",   "mail",   "daemon", "auth",     "intern",
                                            "lpr",    "news",   "uucp",   "clock",  "authpriv", "ftp",
                                            "ntp",    "audit",  "alert",  "cron",   "local0",   "local1",
                                            "local2", "local3", "local4", "local5", "local6",   "local7"};
constexpr std::string_view kSeverities[] = {"emerg", "alert",  "crit", "error",
                                            "warn",  "notice", "info", "debug"};
constexpr std::size_t kMaxTag = 32;  // RFC 3164 §4.1.3

Result<unsigned> find_name(std::span<const std::string_view> names, std::string_view name, const char* what) {
    const auto place = std::find(names.begin(), names.end(), name);
    if (place == names.end())
        return Error(std::string("unknown syslog ") + what + " \"" + std::string(name) + "\"");
    return static_cast<unsigned>(place - names.begin());
}

Result<void> set_tag(SyslogTarget& target, std::string_view tag) {
    const bool plain =
        std::all_of(tag.begin(), tag.end(), [](char c) { return ascii::is_alnum(c) || c == '_'; });
    if (tag.empty() || tag.size() > kMaxTag || !plain) {
        return Error("the syslog tag \"" + std::string(tag) + "\" must be 1 to 32 letters, digits or _");
    }
    target.tag = tag;
    return {};
}

Result<void> apply(SyslogTarget& target, std::string_view option) {
    const std::size_t equals = option.find('=');
    const std::string_view name = option.substr(0, equals);
    const std::string_view value = equals == option.npos ? std::string_view() : option.substr(equals + 1);
    if (option == "nohostname") {
        target.hostname = false;
    } else if (name == "server") {
        auto server = Address::parse(value, 514);
        if (!server) return server.error();
        target.server = *std::move(server);
    } else if (name == "facility") {
        const auto facility = find_name(kFacilities, value, "facility");
        if (!facility) return facility.error();
        target.facility = *facility;
    } else if (name == "severity") {
        const auto severity = find_name(kSeverities, value, "severity");
        if (!severity) return severity.error();
        target.severity = *severity;
    } else if (name == "tag") {
        return set_tag(target, value);
    } else {
        return Error("unknown syslog parameter \"" + std::string(option) + "\"");
    }
    return {};
}

}  // namespace

Result<SyslogTarget> SyslogTarget::parse(std::string_view text) {
    SyslogTarget target;
    while (!text.empty()) {
        const std::size_t comma = std::min(text.find(','), text.size());
        if (const auto applied = apply(target, text.substr(0, comma)); !applied) return applied.error();
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    if (!target.server.specified()) return Error("no syslog server given: write syslog:server=ADDRESS");
    return target;
}

SyslogSocket::SyslogSocket(SyslogTarget target) : target_(std::move(target)) {
    char name[256] = "";
    if (target_.hostname && ::gethostname(name, sizeof name - 1) == 0) host_ = name;
}

Result<void> SyslogSocket::open() {
    socket_.reset(::socket(target_.server.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!socket_) return system_error("socket", target_.server.to_text(), errno);
    connect();
    return {};
}

// A datagram socket may be connected again and again (connect(2)), so its number stays valid for other
// threads.
bool SyslogSocket::connect() noexcept {
    return ::connect(socket_.get(), target_.server.data(), target_.server.length()) == 0;
}

bool SyslogSocket::send(std::string_view text, int severity) noexcept {
    if (!socket_) return errno = EBADF, false;
    const unsigned level = severity < 0 ? target_.severity : static_cast<unsigned>(severity);
    std::string packet = "<" + std::to_string(target_.facility * 8 + level) + ">";
    packet += wall_clock().syslog_time();
    packet += ' ';
    if (target_.hostname) (packet += host_) += ' ';
    (packet += target_.tag) += ": ";
    packet += text;

    for (int attempt = 0; attempt < 2; ++attempt) {
        if (::send(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
            return true;
        // A syslog that was restarted has a new socket behind the same name.
        if (syslog_refuses(errno)) return false;
        if (!connect()) return false;
    }
    return false;
}

}  // namespace berth

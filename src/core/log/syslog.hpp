// Syslog: messages of RFC 3164 as datagrams to a local or remote syslog.
#pragma once

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/net/address.hpp"
#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"

namespace berth {

// What stands after "syslog:" in error_log and access_log.
struct SyslogTarget {
    Address server;
    unsigned facility = 23;  // local7
    unsigned severity = 6;   // info
    std::string tag = "berth";
    bool hostname = true;

    // "server=unix:/dev/log,facility=local7,tag=berth,severity=info,nohostname"; server is required, its port
    // 514 by default.
    static Result<SyslogTarget> parse(std::string_view text);
};

// With these errnos the syslog is there, but does not take this line: its reader is slow and the socket full,
// or the line is too long.
constexpr bool syslog_refuses(int error_number) noexcept {
    return error_number == EAGAIN || error_number == ENOBUFS || error_number == EMSGSIZE;
}

// A datagram socket. Never blocks: a message that does not fit is lost, and send() says so. Safe to use from
// several threads once open() has succeeded.
class SyslogSocket {
 public:
    explicit SyslogSocket(SyslogTarget target);

    // Makes the socket; called once. A server that is not there (yet) is no error: every message tries again.
    Result<void> open();
    // "<PRI>Nov 21 03:18:34 host tag: text". `severity` overrides the target's when it is not negative.
    // False when the message is lost, as every one is before open(): errno says why.
    bool send(std::string_view text, int severity = -1) noexcept;
    const SyslogTarget& target() const noexcept { return target_; }

 private:
    bool connect() noexcept;

    SyslogTarget target_;
    std::string host_;
    FileDescriptor socket_;
};

}  // namespace berth

// SyslogWatch: what is said of a syslog that is not there: once when its lines begin to be lost, once when it
// is back.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/log/syslog.hpp"

namespace berth {

// One beside each SyslogSocket; safe to use from several threads.
class SyslogWatch {
 public:
    // After each line: 0, or the errno it was lost with. What is to be logged; mostly nothing.
    // `directive` is whose target it is.
    std::string note(std::string_view directive, const SyslogTarget& target, int error_number) {
        if (error_number != 0) ++lost_;
        if (syslog_refuses(error_number)) return {};
        if (error_ == error_number) return {};
        const int before = error_.exchange(error_number);
        const std::string name = std::string(directive) + " syslog:server=" + target.server.to_text();
        if (error_number == 0) return name + " takes lines again; " + std::to_string(lost_) + " were lost";
        if (before != 0) return {};
        return name + ": " + system_error("send", target.server.to_text(), error_number).message +
               "; its lines are lost until it is there";
    }

    bool down() const noexcept { return error_ != 0; }

 private:
    std::atomic<int> error_{0};
    std::atomic<std::uint64_t> lost_{0};
};

}  // namespace berth

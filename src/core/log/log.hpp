// The error log: leveled lines to several places at once.
#pragma once

#include <fmt/core.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/log/syslog.hpp"
#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"

namespace berth {

// nginx's levels; the smaller, the graver.
enum class LogLevel : std::uint8_t { emerg = 1, alert, crit, error, warn, notice, info, debug };

std::string_view to_text(LogLevel level) noexcept;
Result<LogLevel> parse_log_level(std::string_view text);

// Takes what a connection has to add to its lines: ", client: 10.0.0.1, server: example.com, request: "GET /
// HTTP/1.1"".
class LogFields {
 public:
    LogFields(std::string& out, bool json) : out_(out), json_(json) {}
    void add(std::string_view name, std::string_view value);         // client: 10.0.0.1
    void add_quoted(std::string_view name, std::string_view value);  // request: "GET / HTTP/1.1"

 private:
    std::string& out_;
    bool json_;
};

// Whom a line is about. Implemented by connections and requests; asked only when a line is really written.
class LogContext {
 public:
    virtual std::uint64_t connection_number() const noexcept = 0;
    virtual void describe(LogFields& fields) const = 0;

    // Its lines are written everywhere, whatever the levels (debug_connection).
    bool logs_everything() const noexcept { return everything_; }
    void log_everything(bool on) noexcept { everything_ = on; }

 protected:
    ~LogContext() = default;

 private:
    bool everything_ = false;
};

// One place that lines go to, as `error_log` names it.
struct LogTarget {
    enum class Kind { file, standard_error, syslog };
    Kind kind = Kind::file;
    std::string path;  // of a file
    SyslogTarget syslog;
    LogLevel level = LogLevel::error;
    bool json = false;

    // The arguments of error_log: "stderr" | "syslog:…" | a path, then optionally a level and "format=json".
    // A relative path is returned as it is: the caller resolves it.
    static Result<LogTarget> parse(std::span<const std::string_view> arguments);
};

// Lines go out whole, one write each, unbuffered: "2026/11/21 03:18:34 [notice] PID#TID: *CONN text". At most
// kMaxLine bytes; longer ones are cut and end in "...". Control characters in a text are written as \xXX. A
// line that could not be written (disk full, pipe full for more than 50 ms, syslog gone) is dropped and
// counted. That a syslog is gone, or back, is said once.
//
// The same text at the same level more than kRepeats times within a second is not written again; at the end
// of that second one line says how often it was: "… repeated 41 times". Connection and context do not count
// as text.
//
// Thread-safe, except add() and clear(). A thread that is busy with the log never stops another, and a
// process forked meanwhile can log.
class Log {
 public:
    static constexpr std::size_t kMaxLine = 4096;  // PIPE_BUF: such a write to a pipe is atomic
    static constexpr unsigned kRepeats = 50;

    Log();
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;
    ~Log();

    // Opens the target (files for appending, created 0644) and adds it.
    Result<void> add(const LogTarget& target);
    // Adds a file that its owner opens, and opens again when it is rotated: `file` is asked at each line, and
    // must outlive this.
    void add_borrowed(const LogTarget& target, const FileDescriptor& file);
    // Closes all targets.
    void clear();
    // The same in a forked child, to whom neither the files nor what is yet to be reported belong.
    void abandon() noexcept;
    // Reopens every file after it was rotated. A file that cannot be opened keeps its old descriptor; the
    // last such error is returned.
    Result<void> reopen();
    // For processes that may not open files themselves: `descriptor` takes the place of that file.
    void adopt(std::string_view path, FileDescriptor descriptor);
    std::vector<std::string> paths() const;
    // The descriptor of the first file, -1 when there is none: stderr is pointed at it after start.
    int first_file() const noexcept;
    bool has_standard_error() const noexcept;

    // Above this level nothing is written anywhere. Ask before computing what is only needed for a line.
    LogLevel level() const noexcept { return level_; }
    bool enabled(LogLevel level) const noexcept { return level <= level_; }
    bool enabled(LogLevel level, const LogContext* context) const noexcept {
        return enabled(level) || (context != nullptr && context->logs_everything());
    }

    // One line, at any level; does nothing when the level is off. `context` may be null.
    void write(LogLevel level, std::string_view text, const LogContext* context = nullptr) noexcept;
    void format(LogLevel level, const LogContext* context, fmt::string_view pattern,
                fmt::format_args arguments) noexcept;

    // Writes the "repeated" lines of seconds that are over. Called once a second by whoever has a timer.
    void flush_repeats() noexcept;

    std::uint64_t lost_lines() const noexcept { return lost_.load(std::memory_order_relaxed); }

    template <class... A>
    void at(LogLevel level, const LogContext* context, fmt::format_string<A...> pattern,
            A&&... arguments) noexcept {
        if (enabled(level, context)) format(level, context, pattern, fmt::make_format_args(arguments...));
    }
    template <class... A>
    void debug(fmt::format_string<A...> p, A&&... a) noexcept {
        at(LogLevel::debug, nullptr, p, std::forward<A>(a)...);
    }
    template <class... A>
    void info(fmt::format_string<A...> p, A&&... a) noexcept {
        at(LogLevel::info, nullptr, p, std::forward<A>(a)...);
    }
    template <class... A>
    void notice(fmt::format_string<A...> p, A&&... a) noexcept {
        at(LogLevel::notice, nullptr, p, std::forward<A>(a)...);
    }
    template <class... A>
    void warn(fmt::format_string<A...> p, A&&... a) noexcept {
        at(LogLevel::warn, nullptr, p, std::forward<A>(a)...);
    }
    template <class... A>
    void error(fmt::format_string<A...> p, A&&... a) noexcept {
        at(LogLevel::error, nullptr, p, std::forward<A>(a)...);
    }
    template <class... A>
    void crit(fmt::format_string<A...> p, A&&... a) noexcept {
        at(LogLevel::crit, nullptr, p, std::forward<A>(a)...);
    }
    template <class... A>
    void alert(fmt::format_string<A...> p, A&&... a) noexcept {
        at(LogLevel::alert, nullptr, p, std::forward<A>(a)...);
    }
    template <class... A>
    void emerg(fmt::format_string<A...> p, A&&... a) noexcept {
        at(LogLevel::emerg, nullptr, p, std::forward<A>(a)...);
    }

 private:
    struct Sink;
    struct Repeat {
        std::uint64_t hash = 0;
        std::int64_t second = 0;
        std::uint32_t count = 0;
        LogLevel level = LogLevel::debug;
        std::string text;
    };

    bool fold(LogLevel level, std::string_view text) noexcept;
    void report_repeats(std::int64_t second) noexcept;
    void emit(LogLevel level, std::string_view text, const LogContext* context) noexcept;
    void tell(std::vector<std::string> news) noexcept;

    std::vector<std::unique_ptr<Sink>> sinks_;
    LogLevel level_ = LogLevel{0};
    std::atomic<std::uint64_t> lost_{0};
    std::atomic_flag repeats_busy_ = ATOMIC_FLAG_INIT;
    std::array<Repeat, 8> repeats_;
};

}  // namespace berth

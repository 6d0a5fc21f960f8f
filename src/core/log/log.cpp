// The error log: lines, sinks, and the folding of repeats.
#include "core/log/log.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <iterator>

#include "core/log/log_file.hpp"
#include "core/log/syslog_watch.hpp"
#include "core/text/escape.hpp"
#include "core/time/clock.hpp"

namespace berth {

struct Log::Sink {
    LogTarget target;
    FileDescriptor file;
    const FileDescriptor* borrowed = nullptr;  // somebody else's file, who also reopens it
    std::unique_ptr<SyslogSocket> syslog;
    SyslogWatch watch;                // of the syslog
    std::atomic<bool> regular{true};  // a write to a regular file does not wait for a reader
    std::atomic<std::uint64_t> stuck_until{
        0};  // until then (monotonic_ms) nobody waits for this reader again

    int descriptor() const noexcept {
        if (target.kind == LogTarget::Kind::standard_error) return STDERR_FILENO;
        return borrowed != nullptr ? borrowed->get() : file.get();
    }
    // A file that this log has opened itself.
    bool own_file() const noexcept { return target.kind == LogTarget::Kind::file && borrowed == nullptr; }
    void look() noexcept {
        struct stat status {};
        regular = ::fstat(descriptor(), &status) == 0 && S_ISREG(status.st_mode);
    }
    bool write(std::string_view line) noexcept;
    // Writes the line; false when it is lost. `news` gets what there is to say about the target itself.
    bool take(LogLevel level, std::string_view text, const LogContext* context,
              std::vector<std::string>& news) noexcept;
};

namespace {

constexpr int kPatienceMs = 50;
constexpr std::uint64_t kStuckMs = 1000;
constexpr std::string_view kCut = "...";
constexpr std::size_t kJsonMessageEnd = Log::kMaxLine - 512;  // what is left is for the fields

std::uint64_t hash_of(LogLevel level, std::string_view text) noexcept {
    return std::hash<std::string_view>{}(text)*31 + static_cast<std::uint64_t>(level);
}

// Cuts `line` so that `ending` still fits, and appends it.
void finish(std::string& line, std::string_view ending) {
    if (line.size() + ending.size() > Log::kMaxLine) {
        line.resize(Log::kMaxLine - ending.size() - kCut.size());
        line += kCut;
    }
    line += ending;
}

void text_line(std::string& line, LogLevel level, std::string_view text, const LogContext* context,
               bool timed) {
    auto out = std::back_inserter(line);
    if (timed) fmt::format_to(out, "{} ", wall_clock().error_time());
    fmt::format_to(out, "[{}] {}#{}: ", to_text(level), ::getpid(), ::gettid());
    if (context != nullptr && context->connection_number() != 0) {
        fmt::format_to(out, "*{} ", context->connection_number());
    }
    escape_control(line, text);
    if (context == nullptr) return;
    LogFields fields(line, false);
    context->describe(fields);
}

void json_line(std::string& line, LogLevel level, std::string_view text, const LogContext* context) {
    fmt::format_to(std::back_inserter(line), R"({{"time":"{}","level":"{}","pid":{},"tid":{})",
                   wall_clock().iso8601(), to_text(level), ::getpid(), ::gettid());
    if (context != nullptr && context->connection_number() != 0) {
        fmt::format_to(std::back_inserter(line), ",\"connection\":{}", context->connection_number());
    }
    line += ",\"message\":\"";
    // Cut before it is escaped, so that the object stays whole.
    const std::size_t start = line.size();
    std::size_t taken = text.size();
    escape_json(line, text);
    while (line.size() > kJsonMessageEnd) {
        taken /= 2;
        line.resize(start);
        escape_json(line, text.substr(0, taken));
    }
    if (taken < text.size()) line += kCut;
    line += '"';
    if (context == nullptr) return;
    const std::size_t whole = line.size();
    LogFields fields(line, true);
    context->describe(fields);
    if (line.size() + 2 > Log::kMaxLine) line.resize(whole);  // rather no fields than half an object
}

}  // namespace

void LogFields::add(std::string_view name, std::string_view value) {
    if (json_) return add_quoted(name, value);
    ((out_ += ", ") += name) += ": ";
    escape_control(out_, value);
}

void LogFields::add_quoted(std::string_view name, std::string_view value) {
    if (json_) {
        ((out_ += ",\"") += name) += "\":\"";
        escape_json(out_, value);
    } else {
        ((out_ += ", ") += name) += ": \"";
        escape_control(out_, value);
    }
    out_ += '"';
}

bool Log::Sink::write(std::string_view line) noexcept {
    const int fd = descriptor();
    // A pipe that is ready takes a whole line at once, so this wait is the only one there can be (standard
    // error, which is not ours to make non-blocking, has others who write to it, too).
    if (!regular) {
        const bool stuck = monotonic_ms() < stuck_until.load(std::memory_order_relaxed);
        pollfd ready{fd, POLLOUT, 0};
        if (::poll(&ready, 1, stuck ? 0 : kPatienceMs) <= 0) {
            if (!stuck) stuck_until.store(monotonic_ms() + kStuckMs, std::memory_order_relaxed);
            return false;
        }
        if ((ready.revents & POLLOUT) == 0 || (ready.revents & POLLERR) != 0) return false;
    }
    ssize_t written;
    do {
        written = ::write(fd, line.data(), line.size());
    } while (written < 0 && errno == EINTR);
    return written == static_cast<ssize_t>(line.size());
}

Log::Log() = default;

Log::~Log() { report_repeats(-1); }

Result<void> Log::add(const LogTarget& target) {
    auto sink = std::make_unique<Sink>();
    sink->target = target;
    if (target.kind == LogTarget::Kind::syslog) {
        sink->syslog = std::make_unique<SyslogSocket>(target.syslog);
        // A syslog that is down now may be up later: its lines are lost and counted, the server starts all
        // the same.
        static_cast<void>(sink->syslog->open());
    } else {
        if (target.kind == LogTarget::Kind::file) {
            auto file = open_log_file(target.path);
            if (!file) return file.error();
            sink->file = *std::move(file);
        }
        sink->look();
    }
    level_ = std::max(level_, target.level);
    sinks_.push_back(std::move(sink));
    return {};
}

void Log::add_borrowed(const LogTarget& target, const FileDescriptor& file) {
    auto sink = std::make_unique<Sink>();
    sink->target = target;
    sink->borrowed = &file;
    sink->look();
    level_ = std::max(level_, target.level);
    sinks_.push_back(std::move(sink));
}

void Log::clear() {
    report_repeats(-1);
    abandon();
}

void Log::abandon() noexcept {
    sinks_.clear();
    level_ = LogLevel{0};
    for (Repeat& entry : repeats_) entry.count = 0;
}

Result<void> Log::reopen() {
    Result<void> outcome;
    for (const auto& sink : sinks_) {
        if (!sink->own_file()) continue;
        auto fresh = open_log_file(sink->target.path);
        if (!fresh) {
            outcome = fresh.error();
            continue;
        }
        // The number stays, so a thread that is writing at this moment writes to one file or the other.
        if (::dup3(fresh->get(), sink->file.get(), O_CLOEXEC) < 0)
            outcome = system_error("dup3", sink->target.path, errno);
        sink->look();
    }
    return outcome;
}

void Log::adopt(std::string_view path, FileDescriptor descriptor) {
    for (const auto& sink : sinks_) {
        if (!sink->own_file() || sink->target.path != path) continue;
        ::dup3(descriptor.get(), sink->file.get(), O_CLOEXEC);
        sink->look();
    }
}

std::vector<std::string> Log::paths() const {
    std::vector<std::string> paths;
    for (const auto& sink : sinks_) {
        if (sink->own_file()) paths.push_back(sink->target.path);
    }
    return paths;
}

int Log::first_file() const noexcept {
    for (const auto& sink : sinks_) {
        if (sink->own_file()) return sink->file.get();
    }
    return -1;
}

bool Log::has_standard_error() const noexcept {
    return std::any_of(sinks_.begin(), sinks_.end(), [](const std::unique_ptr<Sink>& sink) {
        return sink->target.kind == LogTarget::Kind::standard_error;
    });
}

void Log::format(LogLevel level, const LogContext* context, fmt::string_view pattern,
                 fmt::format_args arguments) noexcept {
    fmt::memory_buffer text;
    fmt::vformat_to(std::back_inserter(text), pattern, arguments);
    write(level, {text.data(), text.size()}, context);
}

void Log::write(LogLevel level, std::string_view text, const LogContext* context) noexcept {
    if (!enabled(level, context)) return;
    if (!fold(level, text)) emit(level, text, context);
}

bool Log::Sink::take(LogLevel level, std::string_view text, const LogContext* context,
                     std::vector<std::string>& news) noexcept {
    std::string line;
    if (target.json) {
        json_line(line, level, text, context);
        line += syslog ? "}" : "}\n";
    } else {
        text_line(line, level, text, context, !syslog);
        finish(line, syslog ? "" : "\n");
    }
    if (!syslog) return write(line);
    // Syslog has nginx's levels, counted from 0.
    const bool sent = syslog->send(line, static_cast<int>(level) - 1);
    std::string noted = watch.note("error_log", target.syslog, sent ? 0 : errno);
    if (!noted.empty()) news.push_back(std::move(noted));
    return sent;
}

void Log::emit(LogLevel level, std::string_view text, const LogContext* context) noexcept {
    wall_clock().update();
    std::vector<std::string> news;
    const bool everywhere = context != nullptr && context->logs_everything();
    for (const auto& sink : sinks_) {
        if (level > sink->target.level && !everywhere) continue;
        if (!sink->take(level, text, context, news)) lost_.fetch_add(1, std::memory_order_relaxed);
    }
    if (!news.empty()) tell(std::move(news));
}

// Each to all that can hear it; to standard error when there is nobody. Who is told may turn out to be gone,
// too, which is more to tell; it ends, since nobody is told anything after that.
void Log::tell(std::vector<std::string> news) noexcept {
    constexpr LogLevel level = LogLevel::crit;
    for (std::size_t i = 0; i < news.size(); ++i) {
        const std::string text = news[i];
        bool heard = false;
        for (const auto& sink : sinks_) {
            if (level > sink->target.level || sink->watch.down()) continue;
            heard |= sink->take(level, text, nullptr, news);
        }
        if (heard) continue;
        Sink standard_error;
        standard_error.target.kind = LogTarget::Kind::standard_error;
        standard_error.look();
        standard_error.take(level, text, nullptr, news);
    }
}

bool Log::fold(LogLevel level, std::string_view text) noexcept {
    // Not worth waiting for: a thread (or the child of a process) that finds it taken writes its line
    // unfolded.
    if (repeats_busy_.test_and_set(std::memory_order_acquire)) return false;
    const std::int64_t second = std::time(nullptr);
    report_repeats(second);
    const std::uint64_t hash = hash_of(level, text);
    auto entry = std::find_if(repeats_.begin(), repeats_.end(), [&](const Repeat& r) {
        return r.count > 0 && r.hash == hash && r.text == text;
    });
    if (entry == repeats_.end()) {
        entry = std::min_element(repeats_.begin(), repeats_.end(),
                                 [](const Repeat& a, const Repeat& b) { return a.count < b.count; });
        const bool busy = entry->count > kRepeats;  // one that still owes its report is not displaced
        if (!busy) *entry = Repeat{hash, second, 1, level, std::string(text)};
        repeats_busy_.clear(std::memory_order_release);
        return false;
    }
    const bool folded = ++entry->count > kRepeats;
    repeats_busy_.clear(std::memory_order_release);
    return folded;
}

void Log::report_repeats(std::int64_t second) noexcept {
    for (Repeat& entry : repeats_) {
        if (entry.count == 0 || entry.second == second) continue;
        if (entry.count > kRepeats) {
            emit(entry.level, fmt::format("{} … repeated {} times", entry.text, entry.count - kRepeats),
                 nullptr);
        }
        entry.count = 0;
    }
}

void Log::flush_repeats() noexcept {
    if (repeats_busy_.test_and_set(std::memory_order_acquire)) return;
    report_repeats(std::time(nullptr));
    repeats_busy_.clear(std::memory_order_release);
}

}  // namespace berth

// LogWriter: one worker's way to one access log: written at once, or gathered in a buffer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/log/log.hpp"
#include "event/loop.hpp"
#include "event/process/runtime_files.hpp"

namespace berth {

// How a log file is written, as access_log's parameters say.
struct LogBuffering {
    std::size_t size = 0;  // bytes; 0: every line is written at once
    Duration flush{0};     // how long a line may wait in the buffer; 0: as long as there is room
    int gzip = 0;          // 1 to 9: the buffer is written as a member of a gzip file

    bool operator==(const LogBuffering&) const = default;
};

// Lines that could not be written are counted, and told to the error log at most once a second. Never waits
// for a pipe whose reader does not keep up: those lines are lost, too.
class LostLines {
 public:
    explicit LostLines(EventLoop& loop, Log& log) : loop_(loop), log_(log) {}

    // One or more lines for `path` were lost because of this errno.
    void add(std::string_view path, int error_number) noexcept;
    // One more, of which somebody else tells.
    void add_untold() noexcept { ++count_; }
    std::uint64_t count() const noexcept { return count_; }

 private:
    EventLoop& loop_;
    Log& log_;
    TimePoint told_{};
    std::uint64_t count_ = 0;
};

// Appends all of `bytes` to a descriptor with as few calls as possible. Returns 0 or errno. `pipe`: it may be
// one, and gets the bytes in pieces of whole lines that it takes at once or not at all (PIPE_BUF, pipe(7));
// EAGAIN when it is full.
int append_to_file(int fd, std::string_view bytes, bool pipe) noexcept;

class LogWriter {
 public:
    // All of them outlive the writer. A file has one writer at most.
    LogWriter(EventLoop& loop, RuntimeFiles::LogFile& file, const LogBuffering& buffering, LostLines& lost);
    LogWriter(const LogWriter&) = delete;
    LogWriter& operator=(const LogWriter&) = delete;
    // Writes what is in the buffer.
    ~LogWriter();

    // `line` has its line end.
    void write(std::string_view line);
    void flush();

 private:
    void before_change();
    void put(std::string_view bytes);
    void put_compressed();

    EventLoop& loop_;
    RuntimeFiles::LogFile& file_;
    LogBuffering buffering_;
    LostLines& lost_;
    std::string buffer_;
    std::optional<bool> pipe_;  // known since it was first written to
    Timer timer_;
};

}  // namespace berth

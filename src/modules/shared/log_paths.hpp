// LogPaths: one worker's access logs whose paths have variables in them, and which of them it keeps open.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "core/system/file_descriptor.hpp"
#include "event/loop.hpp"
#include "event/thread_pool.hpp"
#include "modules/shared/log_writer.hpp"

namespace berth {

// open_log_file_cache
struct LogPathCache {
    std::size_t entries = 0;                       // 0: nothing is kept open
    Duration inactive = std::chrono::seconds(10);  // unused for so long, it is closed
    Duration valid = std::chrono::seconds(60);     // open for so long, the path is opened anew
    std::uint32_t min_uses = 1;                    // within `inactive`, to stay open

    bool operator==(const LogPathCache&) const = default;
};

class LogPaths {
 public:
    // All of them outlive it.
    LogPaths(EventLoop& loop, ThreadPool& pool, Log& log, LostLines& lost)
        : loop_(loop), pool_(pool), log_(log), lost_(lost) {}

    // Appends the line (with its line end). A file that does not exist yet, or whose path is not in the
    // kernel's caches, is opened and written by the thread pool.
    void write(std::string_view path, std::string_view line, const LogPathCache& cache);

 private:
    struct Entry {
        FileDescriptor fd;
        TimePoint opened;
        TimePoint used;
        std::uint32_t uses = 0;
    };

    bool write_open(std::string_view path, std::string_view line, const LogPathCache& cache);
    void keep(std::string_view path, FileDescriptor fd, const LogPathCache& cache);
    void drop_unused(const LogPathCache& cache);
    void append(int fd, std::string_view path, std::string_view line);

    EventLoop& loop_;
    ThreadPool& pool_;
    Log& log_;
    LostLines& lost_;
    std::unordered_map<std::string, Entry> open_;
};

}  // namespace berth

// Opening and writing access logs by path.
#include "modules/shared/log_paths.hpp"

#include <algorithm>
#include <cerrno>

#include "core/system/access.hpp"

namespace berth {

namespace {

Result<FileDescriptor> open_for_appending(std::string_view path, bool on_loop) {
    OpenHow how;
    how.flags = O_WRONLY | O_APPEND | O_NONBLOCK | (on_loop ? 0 : O_CREAT);
    how.cached_only = on_loop;
    return open_file(path, how);
}

// Opens, writes, closes. The error log outlives every thread pool.
class AppendJob final : public Job {
 public:
    AppendJob(std::string_view path, std::string_view line, Log& log) : path_(path), line_(line), log_(log) {}

 private:
    void execute() noexcept override {
        Result<FileDescriptor> file = open_for_appending(path_, false);
        if (!file) return log_.crit("{}", file.error().message);
        if (const int error = append_to_file(file->get(), line_, true); error != 0) {
            log_.crit("{}", system_error("write", path_, error).message);
        }
    }

    std::string path_;
    std::string line_;
    Log& log_;
};

}  // namespace

void LogPaths::write(std::string_view path, std::string_view line, const LogPathCache& cache) {
    if (cache.entries > 0 && write_open(path, line, cache)) return;
    Result<FileDescriptor> file = open_for_appending(path, true);
    if (!file) {
        if (!pool_.submit(loop_, std::make_unique<AppendJob>(path, line, log_))) lost_.add(path, EAGAIN);
        return;
    }
    append(file->get(), path, line);
    if (cache.entries > 0) keep(path, *std::move(file), cache);
}

void LogPaths::append(int fd, std::string_view path, std::string_view line) {
    if (const int error = append_to_file(fd, line, true); error != 0) lost_.add(path, error);
}

bool LogPaths::write_open(std::string_view path, std::string_view line, const LogPathCache& cache) {
    auto found = open_.find(std::string(path));
    if (found == open_.end()) return false;
    Entry& entry = found->second;
    const TimePoint now = loop_.now();
    const bool unused = now - entry.used > cache.inactive && entry.uses < cache.min_uses;
    if (unused || now - entry.opened > cache.valid) {
        open_.erase(found);
        return false;
    }
    entry.used = now;
    ++entry.uses;
    append(entry.fd.get(), path, line);
    return true;
}

void LogPaths::keep(std::string_view path, FileDescriptor fd, const LogPathCache& cache) {
    if (open_.size() >= cache.entries) drop_unused(cache);
    open_[std::string(path)] = Entry{std::move(fd), loop_.now(), loop_.now(), 1};
}

// Makes room: all that were not used lately, or the one that was used the longest time ago.
void LogPaths::drop_unused(const LogPathCache& cache) {
    const TimePoint oldest = loop_.now() - cache.inactive;
    std::erase_if(open_, [&](const auto& entry) { return entry.second.used < oldest; });
    if (open_.size() < cache.entries) return;
    open_.erase(std::ranges::min_element(open_, {}, [](const auto& entry) { return entry.second.used; }));
}

}  // namespace berth

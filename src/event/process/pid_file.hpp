// PidFile: the master's process id in a file, and the lock that says it is alive.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"

namespace berth {

// Holds a POSIX record lock on the file (fcntl(2)): it ends with the process, however that ends, and children
// do not inherit it; so a file that was left behind is told from one in use.
class PidFile {
 public:
    PidFile() = default;
    PidFile(PidFile&&) noexcept = default;
    PidFile& operator=(PidFile&&) noexcept = default;

    // Writes this process's id. Fails with EEXIST when a living server holds the file, and names it.
    static Result<PidFile> create(const std::string& path);

    const std::string& path() const noexcept { return path_; }
    // Moves the file, with its lock: to PATH.oldbin and back.
    Result<void> rename(const std::string& path);
    // Deletes the file, if it is still this one.
    void remove() noexcept;
    // In a forked child: forget it.
    void abandon() noexcept { fd_.reset(), path_.clear(); }

    // The process that holds the file's lock; 0 when there is none (no file, or a stale one), or when that
    // cannot be told from outside. Must not be asked about the file this process itself holds.
    static pid_t holder(const std::string& path);
    // The number in the file.
    static Result<pid_t> read(const std::string& path);

 private:
    std::string path_;
    FileDescriptor fd_;
};

}  // namespace berth

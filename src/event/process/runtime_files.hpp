// RuntimeFiles: the log files and folders a configuration needs while it runs, opened by the master for its
// workers.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"

namespace berth {

class Cycle;

// A global conf. While the configuration is loaded, modules name what they will write to; the master opens it
// with its privileges before the workers start, and once more when told to reopen (SIGUSR1): the workers are
// sent the new descriptors.
struct RuntimeFiles {
    // A file that is appended to. `fd` is valid in every worker, and changes when the file is reopened: use
    // it at each write, do not keep it.
    struct LogFile {
        std::string path;  // absolute
        FileDescriptor fd;
    };

    // Paths are absolute (Cycle::below_prefix). The same path gives the same file. It stays where it is.
    LogFile* add_log(std::string_view path);
    // A folder created 0700 with its parents, owned by the workers' user. `needed`: nothing works when that
    // user cannot get there through the folders above it, so that open() fails.
    enum class Reach : std::uint8_t { wanted, needed };
    void add_folder(std::string_view path, Reach reach = Reach::wanted);

    // Opens and creates everything. After an error nothing must be used.
    Result<void> open(const Cycle& cycle);
    // Opens every file again; one that cannot be opened keeps its old descriptor, and the last such error is
    // returned.
    Result<void> reopen(const Cycle& cycle);
    // Worker: the descriptor of a file that the master has reopened.
    void adopt(std::string_view path, FileDescriptor fd);

    std::deque<LogFile> logs;

 private:
    struct Folder {
        std::string path;
        Reach reach;
    };
    std::vector<Folder> folders_;
};

}  // namespace berth

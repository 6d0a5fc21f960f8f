// RuntimeFiles: the log files and folders a configuration needs while it runs, opened by the master for its
// workers.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/tree.hpp"
#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/callback.hpp"

namespace berth {

class Cycle;
class Diagnostics;
struct RunAs;

// A global conf. While the configuration is loaded, modules name what they will write to; the master opens it
// with its privileges before the workers start, and once more when told to reopen (SIGUSR1): the workers are
// sent the new descriptors.
struct RuntimeFiles {
    // A file that is appended to. `fd` is valid in every worker, and changes when the file is reopened: use
    // it at each write, do not keep it.
    struct LogFile {
        std::string path;  // absolute
        FileDescriptor fd;
        // For who holds back what is to be written: the file is about to be replaced.
        Callback<> before_change;

        void change(FileDescriptor next);
    };

    // Paths are absolute (Cycle::below_prefix). The same path gives the same file. It stays where it is.
    LogFile* add_log(std::string_view path);
    // A folder created 0700 with its parents, owned by the workers' user.
    void add_folder(std::string_view path);
    // The same for what must be kept from everybody else: open() fails when others may enter it, or when that
    // user cannot get there through the folders above it. One of another user's is taken over as long as
    // `objection` has nothing against any file in it (a name in the open folder); it says why, else nothing.
    using Objection = std::function<std::string(int folder, const char* name)>;
    void add_private_folder(std::string_view path, const Origin& at, Objection objection);

    // Opens and creates everything. After an error nothing must be used.
    void open(const Cycle& cycle, Diagnostics& findings);
    // Opens every file again; one that cannot be opened keeps its old descriptor, and the last such error is
    // returned.
    Result<void> reopen(const Cycle& cycle);
    // Worker: the descriptor of a file that the master has reopened.
    void adopt(std::string_view path, FileDescriptor fd);

    std::deque<LogFile> logs;

 private:
    struct PrivateFolder {
        std::string path;
        Origin at;
        Objection objection;
    };

    static Result<void> open_private(const PrivateFolder& folder, const RunAs* owner);
    static Result<void> claim(const PrivateFolder& folder, uid_t uid);

    std::vector<std::string> folders_;
    std::vector<PrivateFolder> private_folders_;
};

}  // namespace berth

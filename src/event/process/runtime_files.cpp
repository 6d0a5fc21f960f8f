// Opening log files and making folders, with the master's privileges and for the workers' user.
#include "event/process/runtime_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "core/cycle.hpp"
#include "core/log/error_log_module.hpp"
#include "core/log/log_file.hpp"
#include "core/module.hpp"
#include "event/process/process_conf.hpp"

namespace berth {

namespace {

// Like mkdir -p: the folder itself 0700 and the workers' own, what is above it for everybody to pass.
Result<void> make_folder(const std::string& path, const RunAs* owner) {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const std::string part = path.substr(0, end);
        const bool last = end == std::string::npos || end + 1 == path.size();
        if (::mkdir(part.c_str(), last ? 0700 : 0755) != 0 && errno != EEXIST) {
            return system_error("mkdir", part, errno);
        }
        if (!last) continue;
        struct stat status {};
        if (::stat(part.c_str(), &status) != 0) return system_error("stat", part, errno);
        if (!S_ISDIR(status.st_mode)) return system_error("mkdir", part, ENOTDIR);
        if (owner != nullptr && status.st_uid != owner->uid &&
            ::chown(part.c_str(), owner->uid, gid_t(-1)) != 0) {
            return system_error("chown", part, errno);
        }
        return {};
    }
}

}  // namespace

RuntimeFiles::LogFile* RuntimeFiles::add_log(std::string_view path) {
    for (LogFile& file : logs) {
        if (file.path == path) return &file;
    }
    LogFile& file = logs.emplace_back();
    file.path = path;
    return &file;
}

void RuntimeFiles::add_folder(std::string_view path) {
    if (std::ranges::find(folders, path) == folders.end()) folders.emplace_back(path);
}

Result<void> RuntimeFiles::open(const Cycle& cycle) {
    const auto& user = cycle.conf<ProcessConf>().user;
    for (const std::string& folder : folders) {
        const RunAs* owner = user.is_set() && ::geteuid() == 0 ? &*user : nullptr;
        if (Result<void> made = make_folder(folder, owner); !made) return made;
    }
    for (const LogFile& file : logs) make_parent_folder(cycle.prefix(), file.path);
    return reopen(cycle);
}

Result<void> RuntimeFiles::reopen(const Cycle&) {
    Result<void> outcome;
    for (LogFile& file : logs) {
        Result<FileDescriptor> opened = open_log_file(file.path);
        if (opened) {
            file.fd = *std::move(opened);
        } else {
            outcome = opened.error();
        }
    }
    return outcome;
}

void RuntimeFiles::adopt(std::string_view path, FileDescriptor fd) {
    for (LogFile& file : logs) {
        if (file.path == path) {
            file.fd = std::move(fd);
            return;
        }
    }
}

extern const Module runtime_files;
extern const Module runtime_files = {.name = "runtime_files", .global = conf_of<RuntimeFiles>()};

}  // namespace berth

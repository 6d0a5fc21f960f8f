// Opening log files and making folders, with the master's privileges and for the workers' user.
#include "event/process/runtime_files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

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
        const bool made = ::mkdir(part.c_str(), last ? 0700 : 0755) == 0;
        if (!made && errno != EEXIST) return system_error("mkdir", part, errno);
        if (made && !last) ::chmod(part.c_str(), 0755);  // whatever the umask is
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

// While it lives, this thread opens files as that user, and no other thread does: what the kernel lets that
// user do, with access control lists and all. See setfsuid(2); glibc's setgroups(2) would be for all threads.
class FilesAs {
 public:
    explicit FilesAs(const RunAs& who) {
        const int count = ::getgroups(0, nullptr);
        before_.resize(static_cast<std::size_t>(std::max(count, 0)));
        static_cast<void>(::getgroups(count, before_.data()));
        set(who.groups, who.gid);
        ::setfsuid(who.uid);
    }
    FilesAs(const FilesAs&) = delete;
    FilesAs& operator=(const FilesAs&) = delete;
    ~FilesAs() {
        ::setfsuid(::geteuid());
        set(before_, ::getegid());
        ::prctl(PR_SET_DUMPABLE, dumpable_);
    }

 private:
    static void set(const std::vector<gid_t>& groups, gid_t gid) {
        ::syscall(SYS_setgroups, groups.size(), groups.data());
        ::setfsgid(gid);
    }

    std::vector<gid_t> before_;
    // A change of these ids takes it away (prctl(2)): a server that crashes would leave no core file.
    int dumpable_ = ::prctl(PR_GET_DUMPABLE);
};

Result<void> can_reach(const std::string& path, const RunAs& who) {
    const FilesAs it(who);
    for (std::size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1)) {
        const std::string above = path.substr(0, end);
        struct stat status {};
        if (::stat((above + "/.").c_str(), &status) == 0) continue;
        if (errno != EACCES) return system_error("stat", above, errno);
        return Error(fmt::format("the workers' user \"{}\" cannot reach \"{}\": it may not enter \"{}\"",
                                 who.user, path, above));
    }
    return {};
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

void RuntimeFiles::add_folder(std::string_view path, Reach reach) {
    auto known = std::ranges::find(folders_, path, &Folder::path);
    if (known == folders_.end()) known = folders_.insert(known, {std::string(path), reach});
    known->reach = std::max(known->reach, reach);
}

Result<void> RuntimeFiles::open(const Cycle& cycle) {
    const auto& user = cycle.conf<ProcessConf>().user;
    const RunAs* owner = user.is_set() && ::geteuid() == 0 ? &*user : nullptr;
    for (const Folder& folder : folders_) {
        if (Result<void> made = make_folder(folder.path, owner); !made) return made;
        if (owner == nullptr || folder.reach != Reach::needed) continue;
        if (Result<void> reached = can_reach(folder.path, *owner); !reached) return reached;
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

// Opening log files and making folders, with the master's privileges and for the workers' user.
#include "event/process/runtime_files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "core/config/diagnostics.hpp"
#include "core/cycle.hpp"
#include "core/log/error_log_module.hpp"
#include "core/log/log_file.hpp"
#include "core/module.hpp"
#include "event/process/process_conf.hpp"

namespace berth {

namespace {

// Like mkdir -p: the folder itself 0700, what is above it for everybody to pass.
Result<void> make_folders(const std::string& path) {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const std::string part = path.substr(0, end);
        const bool last = end == std::string::npos || end + 1 == path.size();
        const bool made = ::mkdir(part.c_str(), last ? 0700 : 0755) == 0;
        if (!made && errno != EEXIST) return system_error("mkdir", part, errno);
        if (made && !last) ::chmod(part.c_str(), 0755);  // whatever the umask is
        if (last) return {};
    }
}

Result<void> make_folder(const std::string& path, const RunAs* owner) {
    if (Result<void> made = make_folders(path); !made) return made;
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return system_error("stat", path, errno);
    if (!S_ISDIR(status.st_mode)) return system_error("mkdir", path, ENOTDIR);
    if (owner == nullptr || status.st_uid == owner->uid) return {};
    if (::chown(path.c_str(), owner->uid, gid_t(-1)) == 0) return {};
    return system_error("chown", path, errno);
}

// The first objection to a file in that folder, but for those to itself and the one above.
std::string first_objection(int folder, const RuntimeFiles::Objection& objection) {
    const auto close = [](DIR* files) { ::closedir(files); };
    FileDescriptor own(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const std::unique_ptr<DIR, decltype(close)> files(own ? ::fdopendir(own.get()) : nullptr, close);
    if (!files) return "what is in it cannot be seen";
    static_cast<void>(own.release());  // is the stream's
    while (const dirent* file = ::readdir(files.get())) {
        const std::string_view name = file->d_name;
        if (name == "." || name == "..") continue;
        if (std::string found = objection(folder, file->d_name); !found.empty()) return found;
    }
    return {};
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

void RuntimeFiles::add_folder(std::string_view path) {
    if (std::ranges::find(folders_, path) == folders_.end()) folders_.emplace_back(path);
}

void RuntimeFiles::add_private_folder(std::string_view path, const Origin& at, Objection objection) {
    if (std::ranges::find(private_folders_, path, &PrivateFolder::path) != private_folders_.end()) return;
    private_folders_.push_back({std::string(path), at, std::move(objection)});
}

void RuntimeFiles::open(const Cycle& cycle, Diagnostics& findings) {
    const auto& user = cycle.conf<ProcessConf>().user;
    const RunAs* owner = user.is_set() && ::geteuid() == 0 ? &*user : nullptr;
    for (const std::string& folder : folders_) {
        if (Result<void> made = make_folder(folder, owner); !made) {
            return findings.error({}, made.error().message);
        }
    }
    for (const PrivateFolder& folder : private_folders_) {
        if (Result<void> opened = open_private(folder, owner); !opened) {
            return findings.error(
                folder.at, opened.error().message,
                "name a folder that is not there yet, or one of mode 0700 for nothing else than this");
        }
    }
    for (const LogFile& file : logs) make_parent_folder(cycle.prefix(), file.path);
    if (Result<void> opened = reopen(cycle); !opened) findings.error({}, opened.error().message);
}

Result<void> RuntimeFiles::open_private(const PrivateFolder& folder, const RunAs* owner) {
    if (Result<void> made = make_folders(folder.path); !made) return made;
    Result<void> claimed = claim(folder, owner != nullptr ? owner->uid : ::geteuid());
    if (!claimed || owner == nullptr) return claimed;
    return can_reach(folder.path, *owner);
}

// What is looked at is what is taken over, whatever becomes of the path meanwhile.
Result<void> RuntimeFiles::claim(const PrivateFolder& folder, uid_t uid) {
    const FileDescriptor fd(::open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return system_error("open", folder.path, errno);
    struct stat status {};
    if (::fstat(fd.get(), &status) != 0) return system_error("fstat", folder.path, errno);
    // An access control list shows as rights of the group (acl(5)).
    if ((status.st_mode & 077U) != 0) {
        return Error(fmt::format("\"{}\" is not the workers' own: its mode {:04o} lets others in",
                                 folder.path, status.st_mode & 07777U));
    }
    if (status.st_uid == uid) return {};
    if (const std::string why = first_objection(fd.get(), folder.objection); !why.empty()) {
        return Error(fmt::format("\"{}\" is not the workers' own: it belongs to user {}, and {}", folder.path,
                                 status.st_uid, why));
    }
    if (::fchown(fd.get(), uid, gid_t(-1)) == 0) return {};
    return system_error("chown", folder.path, errno);
}

void RuntimeFiles::LogFile::change(FileDescriptor next) {
    if (before_change) before_change();
    fd = std::move(next);
}

Result<void> RuntimeFiles::reopen(const Cycle&) {
    Result<void> outcome;
    for (LogFile& file : logs) {
        Result<FileDescriptor> opened = open_log_file(file.path);
        if (opened) {
            file.change(*std::move(opened));
        } else {
            outcome = opened.error();
        }
    }
    return outcome;
}

void RuntimeFiles::adopt(std::string_view path, FileDescriptor fd) {
    for (LogFile& file : logs) {
        if (file.path == path) {
            file.change(std::move(fd));
            return;
        }
    }
}

extern const Module runtime_files;
extern const Module runtime_files = {.name = "runtime_files", .global = conf_of<RuntimeFiles>()};

}  // namespace berth

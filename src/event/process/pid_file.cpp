// The pid file: written when the server is ready, removed when it ends.
#include "event/process/pid_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/system/access.hpp"
#include "core/text/number.hpp"

namespace berth {

namespace {

struct flock whole_file(short type) {
    struct flock lock {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    return lock;
}

bool same_file(int fd, const std::string& path) {
    struct stat here {};
    struct stat there {};
    return ::fstat(fd, &here) == 0 && ::stat(path.c_str(), &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}

}  // namespace

Result<PidFile> PidFile::create(const std::string& path) {
    OpenHow how;
    how.flags = O_RDWR | O_CREAT;
    PidFile file;
    file.path_ = path;
    // Opened again when it was removed between open and lock by a server that was just ending.
    do {
        Result<FileDescriptor> opened = open_file(path, how);
        if (!opened) return opened.error();
        file.fd_ = *std::move(opened);
        struct flock lock = whole_file(F_WRLCK);
        if (::fcntl(file.fd_.get(), F_SETLK, &lock) != 0) {
            if (errno != EAGAIN && errno != EACCES) return system_error("fcntl", path, errno);
            return Error("already running as process " + std::to_string(holder(path)) + ", which holds \"" +
                             path + "\"; use -s reload or -s stop, or another pid file",
                         EEXIST);
        }
    } while (!same_file(file.fd_.get(), path));
    const std::string text = std::to_string(::getpid()) + "\n";
    // Written over the old text first: a reader never sees an empty file.
    if (::pwrite(file.fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()) ||
        ::ftruncate(file.fd_.get(), static_cast<off_t>(text.size())) != 0) {
        return system_error("write", path, errno);
    }
    return file;
}

Result<void> PidFile::rename(const std::string& path) {
    if (::rename(path_.c_str(), path.c_str()) != 0) return system_error("rename", path_, errno);
    path_ = path;
    return {};
}

void PidFile::remove() noexcept {
    if (fd_ && same_file(fd_.get(), path_)) ::unlink(path_.c_str());
    abandon();
}

pid_t PidFile::holder(const std::string& path) {
    Result<FileDescriptor> opened = open_file(path);
    if (!opened) return 0;
    struct flock lock = whole_file(F_WRLCK);
    if (::fcntl(opened->get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
    return lock.l_pid;
}

Result<pid_t> PidFile::read(const std::string& path) {
    Result<std::string> text = read_file(path, 64);
    if (!text) return text.error();
    std::string_view digits = *text;
    while (!digits.empty() && (digits.back() == '\n' || digits.back() == ' ')) digits.remove_suffix(1);
    const auto number = parse_unsigned(digits, 0x7fffffff);
    if (!number || *number < 2)
        return Error("invalid process id \"" + std::string(digits) + "\" in \"" + path + '"');
    return static_cast<pid_t>(*number);
}

}  // namespace berth

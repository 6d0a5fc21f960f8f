// Descriptors and their flags.
#include "core/system/file_descriptor.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace berth {
namespace {

Result<void> change_flag(int descriptor, int get, int set, int flag, bool on) {
    const int flags = ::fcntl(descriptor, get);
    if (flags < 0) return system_error("fcntl", {}, errno);
    const int wanted = on ? flags | flag : flags & ~flag;
    if (wanted != flags && ::fcntl(descriptor, set, wanted) < 0) return system_error("fcntl", {}, errno);
    return {};
}

}  // namespace

void FileDescriptor::reset(int descriptor) noexcept {
    const int old = std::exchange(descriptor_, descriptor);
    if (old < 0 || old == descriptor) return;
    const int saved = errno;
    ::close(old);  // never repeated after EINTR: the descriptor is gone either way (close(2))
    errno = saved;
}

Result<void> set_cloexec(int descriptor, bool on) {
    return change_flag(descriptor, F_GETFD, F_SETFD, FD_CLOEXEC, on);
}

Result<void> set_nonblocking(int descriptor, bool on) {
    return change_flag(descriptor, F_GETFL, F_SETFL, O_NONBLOCK, on);
}

Result<FileDescriptor> duplicate(int descriptor) {
    const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return system_error("fcntl", "F_DUPFD_CLOEXEC", errno);
    return FileDescriptor(copy);
}

Result<Pipe> make_pipe(bool nonblocking) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | (nonblocking ? O_NONBLOCK : 0)) < 0)
        return system_error("pipe2", {}, errno);
    return Pipe{FileDescriptor(ends[0]), FileDescriptor(ends[1])};
}

Result<void> fill_standard_descriptors() {
    for (;;) {
        const int opened = ::open("/dev/null", O_RDWR);  // inherited by children, as standard descriptors are
        if (opened < 0) return system_error("open", "/dev/null", errno);
        if (opened <= 2) continue;
        ::close(opened);
        return {};
    }
}

}  // namespace berth

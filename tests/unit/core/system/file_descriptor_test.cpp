// Ownership and flags of descriptors.
#include "core/system/file_descriptor.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace berth {
namespace {

bool is_open(int descriptor) { return ::fcntl(descriptor, F_GETFD) >= 0; }

TEST(FileDescriptor, ClosesOnceAndMoves) {
    Pipe pipe = *make_pipe();
    const int number = pipe.read.get();
    EXPECT_TRUE(::fcntl(number, F_GETFD) & FD_CLOEXEC);
    FileDescriptor moved = std::move(pipe.read);
    EXPECT_FALSE(pipe.read);
    EXPECT_TRUE(is_open(number));
    errno = 77;
    moved.reset();
    EXPECT_EQ(errno, 77);
    EXPECT_FALSE(is_open(number));
    const int released = pipe.write.release();
    EXPECT_TRUE(is_open(released));
    ::close(released);
}

TEST(FileDescriptor, Flags) {
    const Pipe pipe = *make_pipe();
    const int fd = pipe.read.get();
    ASSERT_TRUE(set_nonblocking(fd));
    EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
    ASSERT_TRUE(set_nonblocking(fd, false));
    EXPECT_FALSE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
    ASSERT_TRUE(set_cloexec(fd, false));
    EXPECT_FALSE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT_EQ(set_cloexec(-1).error().code, EBADF);
    const auto copy = duplicate(fd);
    ASSERT_TRUE(copy);
    EXPECT_TRUE(::fcntl(copy->get(), F_GETFD) & FD_CLOEXEC);
    const auto nonblocking = make_pipe(true);
    EXPECT_TRUE(::fcntl(nonblocking->write.get(), F_GETFL) & O_NONBLOCK);
}

TEST(FileDescriptor, MissingStandardDescriptorsAreFilled) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(0);
        ::close(2);
        const bool filled = fill_standard_descriptors().ok() && is_open(0) && is_open(2);
        const Pipe next = *make_pipe();
        ::_exit(filled && next.read.get() > 2 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace berth

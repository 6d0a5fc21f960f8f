// FileDescriptor: the owner of an open file or socket.
#pragma once

#include <utility>

#include "core/result.hpp"

namespace berth {

class FileDescriptor {
 public:
    FileDescriptor() = default;
    explicit FileDescriptor(int descriptor) noexcept : descriptor_(descriptor) {}
    FileDescriptor(FileDescriptor&& other) noexcept : descriptor_(other.release()) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    ~FileDescriptor() { reset(); }

    int get() const noexcept { return descriptor_; }
    explicit operator bool() const noexcept { return descriptor_ >= 0; }
    // Gives up ownership.
    int release() noexcept { return std::exchange(descriptor_, -1); }
    // Closes what it has and owns `descriptor` instead. errno stays as it was.
    void reset(int descriptor = -1) noexcept;

 private:
    int descriptor_ = -1;
};

Result<void> set_cloexec(int descriptor, bool on = true);
Result<void> set_nonblocking(int descriptor, bool on = true);
// A second descriptor of the same open file, close-on-exec.
Result<FileDescriptor> duplicate(int descriptor);

struct Pipe {
    FileDescriptor read;
    FileDescriptor write;
};
// Both ends close-on-exec, and non-blocking when asked.
Result<Pipe> make_pipe(bool nonblocking = false);

// Opens /dev/null on those of 0, 1 and 2 that are closed, so that no later file or socket becomes "stderr".
Result<void> fill_standard_descriptors();

}  // namespace berth

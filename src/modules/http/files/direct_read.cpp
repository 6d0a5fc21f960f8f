// The job that reads.
#include "modules/http/files/direct_read.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "core/system/file_descriptor.hpp"

namespace berth::http {
namespace {

constexpr std::size_t kPage = 4096;

class DirectReadJob final : public Job {
 public:
    DirectReadJob(FileDescriptor fd, off_t offset, std::size_t size, std::size_t alignment)
        : fd_(std::move(fd)), offset_(offset), size_(size), alignment_(std::max(alignment, kPage)) {}
    Result<DirectBytes> take() {
        if (error_ != 0) return system_error("pread", "", error_);
        return std::move(bytes_);
    }

 private:
    void execute() noexcept override {
        bytes_.memory.reset(static_cast<char*>(
            std::aligned_alloc(alignment_, (size_ + alignment_ - 1) / alignment_ * alignment_)));
        if (!bytes_.memory) return fail(ENOMEM);
        while (bytes_.size < size_) {
            const ssize_t got = ::pread(fd_.get(), bytes_.memory.get() + bytes_.size, size_ - bytes_.size,
                                        offset_ + static_cast<off_t>(bytes_.size));
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) return fail(errno);
            bytes_.size += static_cast<std::size_t>(got);
            // What follows a piece of odd length is the end of the file, and could not be read from there.
            if (got == 0 || bytes_.size % kPage != 0) return;
        }
    }
    void fail(int error) noexcept { error_ = error; }

    FileDescriptor fd_;
    off_t offset_;
    std::size_t size_;
    std::size_t alignment_;
    DirectBytes bytes_;
    int error_ = 0;
};

}  // namespace

Async<Result<DirectBytes>> read_directly(Scope& scope, ThreadPool& pool, int fd, off_t offset,
                                         std::size_t size, std::size_t alignment) {
    Result<FileDescriptor> own = duplicate(fd);
    if (!own) co_return own.error();
    auto job = std::make_unique<DirectReadJob>(std::move(*own), offset, size, alignment);
    std::unique_ptr<DirectReadJob> done = co_await pool.perform(scope, std::move(job));
    if (done == nullptr) co_return Error("thread pool queue overflow", EAGAIN);
    co_return done->take();
}

}  // namespace berth::http

// File operations: first what the kernel's caches can answer, then a job on the pool.
#include "event/file_io.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

namespace berth {

namespace {

Error queue_full() { return Error("thread pool queue overflow", EAGAIN); }

Result<OpenedFile> with_status(Result<FileDescriptor> fd, std::string_view path) {
    if (!fd) return fd.error();
    OpenedFile file;
    file.fd = std::move(*fd);
    if (::fstat(file.fd.get(), &file.status) != 0) return system_error("fstat", path, errno);
    return file;
}

class OpenJob final : public Job {
 public:
    OpenJob(std::string_view path, const OpenHow& how) : path_(path), how_(how) {}
    Result<OpenedFile> take() { return std::move(*result_); }

 private:
    void execute() noexcept override { result_.emplace(with_status(open_file(path_, how_), path_)); }

    std::string path_;
    OpenHow how_;
    std::optional<Result<OpenedFile>> result_;
};

Async<Result<OpenedFile>> open_on_pool(Scope& scope, ThreadPool& pool, std::unique_ptr<OpenJob> job) {
    std::unique_ptr<OpenJob> done = co_await pool.perform(scope, std::move(job));
    if (done == nullptr) co_return queue_full();
    co_return done->take();
}

// Reads until `size` bytes are there or the file ends. Returns the bytes, or -1 with errno.
ssize_t read_fully(int fd, char* into, std::size_t size, off_t offset) noexcept {
    std::size_t have = 0;
    while (have < size) {
        const ssize_t got = ::pread(fd, into + have, size - have, offset + static_cast<off_t>(have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -1;
        if (got == 0) break;
        have += static_cast<std::size_t>(got);
    }
    return static_cast<ssize_t>(have);
}

class ReadJob final : public Job {
 public:
    ReadJob(FileDescriptor fd, off_t offset, std::size_t size, FileBytes begun)
        : fd_(std::move(fd)), offset_(offset), size_(size), bytes_(std::move(begun)) {}
    Result<FileBytes> take() {
        if (error_ != 0) return system_error("pread", "", error_);
        return std::move(bytes_);
    }

 private:
    void execute() noexcept override {
        const std::size_t have = bytes_.size;
        const ssize_t got = read_fully(fd_.get(), bytes_.buffer.data() + have, size_ - have,
                                       offset_ + static_cast<off_t>(have));
        if (got < 0) {
            error_ = errno;
        } else {
            bytes_.size += static_cast<std::size_t>(got);
        }
    }

    FileDescriptor fd_;
    off_t offset_;
    std::size_t size_;
    FileBytes bytes_;
    int error_ = 0;
};

Async<Result<FileBytes>> read_on_pool(Scope& scope, ThreadPool& pool, std::unique_ptr<ReadJob> job) {
    std::unique_ptr<ReadJob> done = co_await pool.perform(scope, std::move(job));
    if (done == nullptr) co_return queue_full();
    co_return done->take();
}

// preadv2 with RWF_NOWAIT: bytes from the page cache only; -1 with EAGAIN when there are none.
ssize_t read_cached(int fd, char* into, std::size_t size, off_t offset) noexcept {
    const iovec part{into, size};
    ssize_t got;
    do {
        got = ::preadv2(fd, &part, 1, offset, RWF_NOWAIT);
    } while (got < 0 && errno == EINTR);
    return got;
}

bool ends_at(int fd, off_t offset) noexcept {
    struct stat status;
    return ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && offset >= status.st_size;
}

class FetchJob final : public Job {
 public:
    FetchJob(FileDescriptor fd, off_t offset, std::size_t size)
        : fd_(std::move(fd)), offset_(offset), size_(size) {}
    int error() const noexcept { return error_; }

 private:
    // readahead(2) promises nothing; what has been read is in the cache.
    void execute() noexcept override {
        std::array<char, 65536> ignored;
        ::posix_fadvise(fd_.get(), offset_, static_cast<off_t>(size_), POSIX_FADV_WILLNEED);
        for (std::size_t done = 0; done < size_;) {
            const std::size_t piece = std::min(ignored.size(), size_ - done);
            const ssize_t got =
                read_fully(fd_.get(), ignored.data(), piece, offset_ + static_cast<off_t>(done));
            if (got < 0) error_ = errno;
            if (got <= 0) return;
            done += static_cast<std::size_t>(got);
        }
    }

    FileDescriptor fd_;
    off_t offset_;
    std::size_t size_;
    int error_ = 0;
};

Async<Result<void>> fetch_on_pool(Scope& scope, ThreadPool& pool, std::unique_ptr<FetchJob> job) {
    std::unique_ptr<FetchJob> done = co_await pool.perform(scope, std::move(job));
    if (done == nullptr) co_return queue_full();
    if (done->error() != 0) co_return system_error("pread", "", done->error());
    co_return Result<void>();
}

class TempFileJob final : public Job {
 public:
    TempFileJob(std::string_view directory, bool named) : directory_(directory), named_(named) {}
    ~TempFileJob() override {
        if (!file_.path.empty()) ::unlink(file_.path.c_str());  // nobody took it
    }
    Result<TempFile> take() {
        if (!file_.fd) return system_error("open", directory_, error_);
        TempFile taken = std::move(file_);
        file_.path.clear();
        return taken;
    }

 private:
    void execute() noexcept override {
        if (!named_) {
            file_.fd.reset(::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
            error_ = errno;
            if (file_.fd || (error_ != EOPNOTSUPP && error_ != EISDIR)) return;
        }
        create_named();
        if (named_ || !file_.fd) return;
        ::unlink(file_.path.c_str());  // a file system without O_TMPFILE
        file_.path.clear();
    }

    void create_named() noexcept {
        static std::atomic<unsigned> last{0};
        for (int tries = 0; tries < 1000 && !file_.fd; ++tries) {
            const unsigned number = last.fetch_add(1, std::memory_order_relaxed) + 1;
            std::array<char, 64> name;
            std::snprintf(name.data(), name.size(), "/%010u.%d", number, static_cast<int>(::getpid()));
            const std::string path = directory_ + name.data();
            file_.fd.reset(::open(path.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
            error_ = errno;
            if (file_.fd) file_.path = path;
            if (!file_.fd && error_ != EEXIST) return;
        }
    }

    std::string directory_;
    bool named_;
    TempFile file_;
    int error_ = 0;
};

Async<Result<TempFile>> create_on_pool(Scope& scope, ThreadPool& pool, std::unique_ptr<TempFileJob> job) {
    std::unique_ptr<TempFileJob> done = co_await pool.perform(scope, std::move(job));
    if (done == nullptr) co_return queue_full();
    co_return done->take();
}

class WriteJob final : public Job {
 public:
    WriteJob(FileDescriptor fd, FileBytes bytes, off_t offset)
        : fd_(std::move(fd)), bytes_(std::move(bytes)), offset_(offset) {}
    int error() const noexcept { return error_; }
    FileBytes take() noexcept { return std::move(bytes_); }

 private:
    void execute() noexcept override {
        for (std::size_t done = 0; done < bytes_.size;) {
            const ssize_t put = ::pwrite(fd_.get(), bytes_.buffer.data() + done, bytes_.size - done,
                                         offset_ + static_cast<off_t>(done));
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) {
                error_ = errno;
                return;
            }
            done += static_cast<std::size_t>(put);
        }
    }

    FileDescriptor fd_;
    FileBytes bytes_;
    off_t offset_;
    int error_ = 0;
};

Async<Result<void>> write_on_pool(Scope& scope, ThreadPool& pool, std::unique_ptr<WriteJob> job) {
    std::unique_ptr<WriteJob> done = co_await pool.perform(scope, std::move(job));
    if (done == nullptr) co_return queue_full();
    if (done->error() != 0) co_return system_error("pwrite", "", done->error());
    co_return Result<void>();
}

Async<WrittenBytes> write_on_pool_and_return(Scope& scope, ThreadPool& pool, std::unique_ptr<WriteJob> job) {
    std::unique_ptr<WriteJob> refused;
    std::unique_ptr<WriteJob> done = co_await pool.perform(scope, std::move(job), refused);
    if (done == nullptr) co_return WrittenBytes(refused->take(), EAGAIN);
    co_return WrittenBytes(done->take(), done->error());
}

}  // namespace

Async<Result<OpenedFile>> open_file(Scope& scope, ThreadPool& pool, std::string_view path, OpenHow how) {
    how.flags |= O_NONBLOCK;  // a FIFO must not hold the loop, or a thread, until somebody writes to it
    how.cached_only = true;
    Result<FileDescriptor> fd = open_file(path, how);
    if (fd || fd.error().code != EAGAIN) return with_status(std::move(fd), path);
    how.cached_only = false;
    return open_on_pool(scope, pool, std::make_unique<OpenJob>(path, how));
}

Async<Result<FileBytes>> read_file(Scope& scope, ThreadPool& pool, int fd, off_t offset, std::size_t size) {
    FileBytes bytes;
    bytes.buffer = BufferPool::take(std::max<std::size_t>(size, 1));
    const ssize_t got = read_cached(fd, bytes.buffer.data(), size, offset);
    if (got < 0 && errno != EAGAIN && errno != EOPNOTSUPP) return system_error("preadv2", "", errno);
    if (got > 0) bytes.size = static_cast<std::size_t>(got);
    if (bytes.size == size || (got >= 0 && ends_at(fd, offset + got))) return bytes;
    Result<FileDescriptor> own = duplicate(fd);
    if (!own) return own.error();
    return read_on_pool(scope, pool,
                        std::make_unique<ReadJob>(std::move(*own), offset, size, std::move(bytes)));
}

bool resident(int fd, off_t offset, std::size_t size) noexcept {
    if (size == 0) return true;
    constexpr std::size_t kStep = 128 * 1024;  // the kernel's readahead window: what it reads in one go
    char byte;
    for (std::size_t at = 0; at < size; at += kStep) {
        if (read_cached(fd, &byte, 1, offset + static_cast<off_t>(at)) < 0 && errno == EAGAIN) return false;
    }
    return read_cached(fd, &byte, 1, offset + static_cast<off_t>(size - 1)) >= 0 || errno != EAGAIN;
}

Async<Result<void>> fetch(Scope& scope, ThreadPool& pool, int fd, off_t offset, std::size_t size) {
    if (resident(fd, offset, size)) return Result<void>();
    Result<FileDescriptor> own = duplicate(fd);
    if (!own) return Result<void>(own.error());
    return fetch_on_pool(scope, pool, std::make_unique<FetchJob>(std::move(*own), offset, size));
}

Async<Result<TempFile>> create_temp_file(Scope& scope, ThreadPool& pool, std::string_view directory,
                                         bool named) {
    return create_on_pool(scope, pool, std::make_unique<TempFileJob>(directory, named));
}

Async<WrittenBytes> write_and_return(Scope& scope, ThreadPool& pool, int fd, FileBytes bytes, off_t offset) {
    Result<FileDescriptor> own = duplicate(fd);
    if (!own) return WrittenBytes(std::move(bytes), own.error().code);
    auto job = std::make_unique<WriteJob>(std::move(*own), std::move(bytes), offset);
    return write_on_pool_and_return(scope, pool, std::move(job));
}

Async<Result<void>> write_file(Scope& scope, ThreadPool& pool, int fd, FileBytes bytes, off_t offset) {
    Result<FileDescriptor> own = duplicate(fd);
    if (!own) return Result<void>(own.error());
    return write_on_pool(scope, pool, std::make_unique<WriteJob>(std::move(*own), std::move(bytes), offset));
}

}  // namespace berth

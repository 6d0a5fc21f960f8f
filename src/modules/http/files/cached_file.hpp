// CachedFile: an open file, or the content of a small one, with what is told of it in response heads.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "core/memory/pool.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/timer.hpp"

namespace berth::http {

// What tells one state of a file from another. Two states with the same stamp can differ only when both were
// written within one tick of the file system's clock (see FileCache), or when the file is written through a
// shared mapping.
struct FileStamp {
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    timespec modified{};
    timespec changed{};

    static FileStamp of(const struct stat& status) noexcept {
        return {status.st_dev, status.st_ino, status.st_size, status.st_mtim, status.st_ctim};
    }
    friend bool operator==(const FileStamp& a, const FileStamp& b) noexcept {
        return a.device == b.device && a.inode == b.inode && a.size == b.size &&
               same(a.modified, b.modified) && same(a.changed, b.changed);
    }
    // Whether it was neither modified nor changed since `seconds` before `now` (both since 1970).
    bool older_than(std::time_t seconds, std::time_t now) const noexcept {
        return modified.tv_sec + seconds <= now && changed.tv_sec + seconds <= now;
    }

 private:
    static bool same(const timespec& a, const timespec& b) noexcept {
        return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
    }
};

class FilePtr;

// Immutable once it was handed out; kept by FilePtrs: the cache's, and those of the requests that send it.
class CachedFile {
 public:
    // An open file with what fstat(2) said of it.
    static FilePtr make(FileDescriptor fd, const struct stat& status);
    CachedFile(const CachedFile&) = delete;
    CachedFile& operator=(const CachedFile&) = delete;

    const FileStamp& stamp() const noexcept { return stamp_; }
    std::uint64_t size() const noexcept { return static_cast<std::uint64_t>(stamp_.size); }
    bool regular() const noexcept { return S_ISREG(mode_); }
    bool directory() const noexcept { return S_ISDIR(mode_); }
    std::int64_t last_modified() const noexcept { return stamp_.modified.tv_sec; }
    // A strong entity tag, with its quotes: time of modification (to the nanosecond) and size.
    std::string_view etag() const noexcept { return {etag_, etag_size_}; }

    // All of it, when in_memory(); the descriptor is closed then.
    bool in_memory() const noexcept { return in_memory_; }
    std::string_view content() const noexcept {
        return {content_.data(), in_memory_ ? static_cast<std::size_t>(stamp_.size) : 0};
    }
    int fd() const noexcept { return fd_.get(); }
    // Bytes of memory it holds.
    std::size_t weight() const noexcept { return sizeof *this + content_.capacity(); }

    // Before it is handed out: takes the content and gives the descriptor up.
    void keep(IoBuffer content) noexcept {
        content_ = std::move(content);
        in_memory_ = true;
        fd_.reset();
    }
    // Whether all of it was in the page cache a moment ago (see file_io's resident()); a hint that ages.
    bool known_resident(TimePoint now) const noexcept { return now < resident_until_; }
    void note_resident(TimePoint now) noexcept { resident_until_ = now + std::chrono::milliseconds(500); }

 private:
    friend class FilePtr;
    CachedFile(FileDescriptor fd, const struct stat& status);
    ~CachedFile() = default;

    std::uint32_t owners_ = 0;
    bool in_memory_ = false;
    std::uint8_t etag_size_ = 0;
    mode_t mode_;
    FileStamp stamp_;
    FileDescriptor fd_;
    IoBuffer content_;
    TimePoint resident_until_{};
    char etag_[56];
};

// A share in a CachedFile. Of one thread.
class FilePtr {
 public:
    FilePtr() = default;
    explicit FilePtr(CachedFile* file) noexcept : file_(file) {
        if (file_ != nullptr) ++file_->owners_;
    }
    FilePtr(const FilePtr& other) noexcept : FilePtr(other.file_) {}
    FilePtr(FilePtr&& other) noexcept : file_(std::exchange(other.file_, nullptr)) {}
    FilePtr& operator=(FilePtr other) noexcept {
        std::swap(file_, other.file_);
        return *this;
    }
    ~FilePtr() {
        if (file_ != nullptr && --file_->owners_ == 0) delete file_;
    }

    explicit operator bool() const noexcept { return file_ != nullptr; }
    CachedFile* operator->() const noexcept { return file_; }
    CachedFile& operator*() const noexcept { return *file_; }
    CachedFile* get() const noexcept { return file_; }

 private:
    CachedFile* file_ = nullptr;
};

}  // namespace berth::http

// Files for code on a loop: what the kernel can answer from its caches is answered at once, what would wait
// for a disk goes to the thread pool.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "core/memory/pool.hpp"
#include "core/system/access.hpp"
#include "core/system/file_descriptor.hpp"
#include "event/async/async.hpp"
#include "event/thread_pool.hpp"

namespace berth {

// An open file and what fstat(2) said right after it was opened.
struct OpenedFile {
    FileDescriptor fd;
    struct stat status {};
};

// Opens by the rules of `how`; no coroutine frame when the kernel has the path cached. `path` is copied if it
// must wait. Error codes are errno; EAGAIN when the pool's queue is full.
Async<Result<OpenedFile>> open_file(Scope& scope, ThreadPool& pool, std::string_view path, OpenHow how = {});

// A buffer and how many bytes of the file are in it; fewer than asked for only at the end of the file.
struct FileBytes {
    FileBytes() = default;  // no aggregate: those may not be passed to coroutines (see async.hpp)
    FileBytes(IoBuffer bytes, std::size_t count) noexcept : buffer(std::move(bytes)), size(count) {}

    IoBuffer buffer;
    std::size_t size = 0;
    std::string_view text() const noexcept { return {buffer.data(), size}; }
};

// Reads up to `size` bytes at `offset` into a buffer from the pool of buffers. `fd` must stay open until the
// answer is there or the wait is cancelled: the job works on a duplicate. No frame when the bytes are in the
// page cache.
Async<Result<FileBytes>> read_file(Scope& scope, ThreadPool& pool, int fd, off_t offset, std::size_t size);

// True when the range can probably be had without waiting for the disk (a byte in every 128 KiB and the last
// one were probed): sendfile(2) of it will hardly block. A file system that cannot tell counts as resident.
bool resident(int fd, off_t offset, std::size_t size) noexcept;

// Reads the range into the page cache, on the pool, so that a sendfile(2) after it does not block. Ready at
// once when it is resident. Ranges are read as far as the file goes.
Async<Result<void>> fetch(Scope& scope, ThreadPool& pool, int fd, off_t offset, std::size_t size);

// A new file in `directory`, 0600, open for reading and writing. An unnamed one (O_TMPFILE) has no path and
// vanishes with its last descriptor; a named one is the caller's to rename or remove.
struct TempFile {
    FileDescriptor fd;
    std::string path;
};
Async<Result<TempFile>> create_temp_file(Scope& scope, ThreadPool& pool, std::string_view directory,
                                         bool named = false);

// The same for bytes that are needed if they could not be written: they come back, also when the pool's queue
// is full (EAGAIN).
struct WrittenBytes {
    WrittenBytes(FileBytes back, int error) noexcept : bytes(std::move(back)), error_number(error) {}

    FileBytes bytes;
    int error_number = 0;  // errno; 0: all was written
};
Async<WrittenBytes> write_and_return(Scope& scope, ThreadPool& pool, int fd, FileBytes bytes, off_t offset);

// Writes all of the bytes at `offset`; they are taken along, so that cancelling is safe.
Async<Result<void>> write_file(Scope& scope, ThreadPool& pool, int fd, FileBytes bytes, off_t offset);

}  // namespace berth

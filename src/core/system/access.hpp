// Access: the one place through which paths and names are opened after start.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.hpp"
#include "core/system/file_descriptor.hpp"

namespace berth {

enum class Symlinks {
    follow,        // disable_symlinks off
    refuse,        // on: no component may be a symbolic link
    owner_checked  // if_not_owner: a link must have the same owner as what it points at
};

struct OpenHow {
    int flags = O_RDONLY;  // O_CLOEXEC is always added
    mode_t mode = 0644;    // for O_CREAT
    Symlinks symlinks = Symlinks::follow;
    // With refuse and owner_checked: the first bytes of `path` whose components are trusted
    // (disable_symlinks' from=). 0 checks the whole path.
    std::size_t trusted_prefix = 0;
    // Fail with EAGAIN when a component is not in the kernel's cache, instead of reading the disk
    // (RESOLVE_CACHED); the caller then asks again from a helper thread. Where the kernel lacks it, or with
    // owner_checked, it always fails so.
    bool cached_only = false;
};

// open(2) by these rules, without a moment between check and use. A refused symbolic link is ELOOP. `path`
// has no NUL in it. Errors carry errno in code.
Result<FileDescriptor> open_file(std::string_view path, const OpenHow& how = {});

// As open_file, but `path` is relative to `directory` and may not leave it by "..", absolute paths or links:
// EXDEV then.
Result<FileDescriptor> open_beneath(int directory, std::string_view path, const OpenHow& how = {});

// stat(2) by the same rules, of a file that need not be readable.
Result<struct stat> stat_file(std::string_view path, Symlinks symlinks = Symlinks::follow,
                              std::size_t trusted_prefix = 0);

// A whole small file, such as a password file; fails with EFBIG above `limit`. Blocks on the disk: not on a
// loop.
Result<std::string> read_file(std::string_view path, std::size_t limit = 16 * 1024 * 1024);

// Makes the portable walk stand in for openat2(2), so that tests reach it on every kernel.
void force_portable_open(bool on) noexcept;

}  // namespace berth

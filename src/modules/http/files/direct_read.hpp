// Reading with O_DIRECT, on the thread pool: past the page cache, from aligned places into aligned memory.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "core/result.hpp"
#include "event/async/async.hpp"
#include "event/thread_pool.hpp"

namespace berth::http {

struct FreeAligned {
    void operator()(char* memory) const noexcept { std::free(memory); }
};
using AlignedMemory = std::unique_ptr<char, FreeAligned>;

struct DirectBytes {
    AlignedMemory memory;
    std::size_t size = 0;
    std::string_view text() const noexcept { return {memory.get(), size}; }
};

// Reads up to `size` bytes at `offset`, both multiples of `alignment`, a power of two. Fewer come only at the
// end of the file.
Async<Result<DirectBytes>> read_directly(Scope& scope, ThreadPool& pool, int fd, off_t offset,
                                         std::size_t size, std::size_t alignment);

}  // namespace berth::http

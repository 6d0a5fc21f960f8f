// Errors that say nothing about the other side: this machine has run short of something.
#pragma once

#include <cerrno>

namespace berth {

// Of descriptors (this process or the system), of buffers or of memory, as an errno says (errno(3)). It may
// pass.
inline bool is_shortage(int error_number) noexcept {
    return error_number == EMFILE || error_number == ENFILE || error_number == ENOBUFS ||
           error_number == ENOMEM;
}

}  // namespace berth

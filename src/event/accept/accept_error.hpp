// What a failed accept4(2) was about: the connection that was to be accepted, or this process.
#pragma once

#include <cerrno>

namespace berth {

// Errors of the connection, which Linux tells the one who accepts it (accept(2)): the next one is another.
inline bool is_about_connection(int error_number) noexcept {
    switch (error_number) {
        case EINTR:
        case ECONNABORTED:  // the client was gone before it was served
        case ENETDOWN:
        case EPROTO:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case ENONET:
        case EHOSTUNREACH:
        case EOPNOTSUPP:
        case ENETUNREACH:
        case EPERM: return true;
        default: return false;
    }
}

}  // namespace berth

// The entity tag of a file.
#include "modules/http/files/cached_file.hpp"

#include "core/text/number.hpp"

namespace berth::http {

FilePtr CachedFile::make(FileDescriptor fd, const struct stat& status) {
    return FilePtr(new CachedFile(std::move(fd), status));
}

CachedFile::CachedFile(FileDescriptor fd, const struct stat& status)
    : mode_(status.st_mode), stamp_(FileStamp::of(status)), fd_(std::move(fd)) {
    char* at = etag_;
    *at++ = '"';
    at = format_hex(at, static_cast<std::uint64_t>(stamp_.modified.tv_sec));
    *at++ = '-';
    at = format_hex(at, static_cast<std::uint64_t>(stamp_.size));
    // Without it two states of one second and one size would share a strong tag (RFC 9110 8.8.1).
    if (stamp_.modified.tv_nsec != 0) {
        *at++ = '-';
        at = format_hex(at, static_cast<std::uint64_t>(stamp_.modified.tv_nsec));
    }
    *at++ = '"';
    etag_size_ = static_cast<std::uint8_t>(at - etag_);
}

}  // namespace berth::http

// The plain transport: recv, sendmsg and sendfile.
#include "event/transport.hpp"

#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace berth {

namespace {

constexpr std::size_t kMaxParts = 64;
constexpr std::size_t kMaxFileChunk =
    2 * 1024 * 1024;  // sendfile_max_chunk: one fast client must not hold the loop

constexpr std::size_t kJoined = 4096;

bool blocks(int error) noexcept { return error == EAGAIN || error == EWOULDBLOCK; }

// Cuts the list to at most `limit` bytes in all; returns the bytes.
std::size_t cut(std::span<iovec>& parts, std::size_t limit) noexcept {
    std::size_t total = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
        parts[i].iov_len = std::min(parts[i].iov_len, limit - total);
        total += parts[i].iov_len;
        if (total == limit) parts = parts.first(i + 1);
    }
    return total;
}

// A system call's count, or -1 with errno, as an IoResult; fewer bytes than asked for means that the socket
// is full.
IoResult written(ssize_t count, std::size_t asked) noexcept {
    if (count < 0) return blocks(errno) ? IoResult::blocked() : IoResult::failed(errno);
    const auto bytes = static_cast<std::size_t>(count);
    return bytes < asked ? IoResult::blocked(bytes) : IoResult::done(bytes);
}

IoResult send_bytes(int fd, const void* bytes, std::size_t size, int flags) noexcept {
    ssize_t count;
    do {
        count = ::send(fd, bytes, size, MSG_NOSIGNAL | flags);
    } while (count < 0 && errno == EINTR);
    return written(count, size);
}

// Small answers are put together here: copying them costs less than a list of parts costs the kernel.
IoResult send_joined(int fd, std::span<const iovec> parts, int flags) noexcept {
    std::array<char, kJoined> joined;
    char* end = joined.data();
    for (const iovec& part : parts)
        end = std::copy_n(static_cast<const char*>(part.iov_base), part.iov_len, end);
    return send_bytes(fd, joined.data(), static_cast<std::size_t>(end - joined.data()), flags);
}

IoResult send_memory(int fd, Chain& chain, std::size_t limit, int flags) noexcept {
    std::array<iovec, kMaxParts> storage;
    std::span<iovec> parts(storage.data(), chain.to_iovecs(storage));
    const std::size_t asked = cut(parts, limit);
    if (parts.size() == 1) return send_bytes(fd, parts[0].iov_base, parts[0].iov_len, flags);
    if (asked <= kJoined) return send_joined(fd, parts, flags);
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    ssize_t count;
    do {
        count = ::sendmsg(fd, &message, MSG_NOSIGNAL | flags);
    } while (count < 0 && errno == EINTR);
    return written(count, asked);
}

// For files that the kernel cannot splice.
IoResult copy_file(int fd, const Buffer& part, std::size_t limit) noexcept {
    std::array<char, 16384> bytes;
    const ssize_t got = ::pread(part.file, bytes.data(), std::min(bytes.size(), limit), part.file_begin);
    if (got <= 0) return IoResult::failed(got == 0 ? EIO : errno);
    return send_bytes(fd, bytes.data(), static_cast<std::size_t>(got), 0);
}

IoResult send_file(int fd, const Buffer& part, std::size_t limit) noexcept {
    const std::size_t asked = std::min({part.size(), limit, kMaxFileChunk});
    off_t offset = part.file_begin;
    ssize_t count;
    do {
        count = ::sendfile(fd, part.file, &offset, asked);
    } while (count < 0 && errno == EINTR);
    if (count == 0) return IoResult::failed(EIO);  // the file became shorter
    if (count < 0 && (errno == EINVAL || errno == ENOSYS)) return copy_file(fd, part, asked);
    const IoResult result = written(count, asked);
    // A short count is also what the end of a shrunk file gives: only the next call tells them apart.
    return result.would_block() && count > 0 ? IoResult::done(result.bytes) : result;
}

class PlainTransport final : public Transport {
 public:
    IoResult recv(int fd, std::span<char> into) override {
        ssize_t count;
        do {
            count = ::recv(fd, into.data(), into.size(), 0);
        } while (count < 0 && errno == EINTR);
        if (count < 0) return blocks(errno) ? IoResult::blocked() : IoResult::failed(errno);
        const auto bytes = static_cast<std::size_t>(count);
        return count == 0 ? IoResult::end() : IoResult::done(bytes, bytes < into.size());
    }

    IoResult send(int fd, Chain& chain, std::size_t limit, Then then) override {
        const int flags = then == Then::end ? MSG_MORE : 0;
        std::size_t sent = 0;
        for (chain.consume(0); !chain.empty() && sent < limit;) {
            const Buffer& first = *chain.head();
            const std::size_t room = limit - sent;
            IoResult part =
                first.in_file() ? send_file(fd, first, room) : send_memory(fd, chain, room, flags);
            chain.consume(part.bytes);
            sent += part.bytes;
            part.bytes = sent;
            if (!part.ok()) return part;
        }
        return IoResult::done(sent);
    }

    IoResult shutdown_write(int fd) override {
        return ::shutdown(fd, SHUT_WR) == 0 ? IoResult::done(0) : IoResult::failed(errno);
    }

    void release() noexcept override {}
};

}  // namespace

Transport& plain_transport() noexcept {
    static PlainTransport transport;
    return transport;
}

}  // namespace berth

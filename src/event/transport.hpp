// Transport: how a connection's bytes reach the wire; and the plain one, which writes them as they are.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/memory/buffer.hpp"

namespace berth {

// What became of one attempt to read or write. `bytes` may be more than 0 together with would_block: a part
// was sent.
struct IoResult {
    enum class State : unsigned char { ok, would_block, closed, error };
    State state = State::ok;
    int error_number = 0;  // errno, of State::error
    std::size_t bytes = 0;
    bool drained = false;  // of recv(): the socket has no more at the moment; trying again would only block

    static IoResult done(std::size_t bytes, bool drained = false) noexcept {
        return {State::ok, 0, bytes, drained};
    }
    static IoResult blocked(std::size_t bytes = 0) noexcept { return {State::would_block, 0, bytes, true}; }
    static IoResult end() noexcept { return {State::closed, 0, 0, false}; }
    static IoResult failed(int error_number, std::size_t bytes = 0) noexcept {
        return {State::error, error_number, bytes, false};
    }

    bool ok() const noexcept { return state == State::ok; }
    bool would_block() const noexcept { return state == State::would_block; }
    bool closed() const noexcept { return state == State::closed; }
    bool failed() const noexcept { return state == State::error; }
};

// What the sender does next: `end` is the end of the stream, at once, which then leaves in the same packet as
// the last bytes (MSG_MORE, send(2)).
enum class Then : unsigned char { more, end };

// Never blocks, never throws, raises no SIGPIPE. `fd` is the connection's non-blocking socket.
class Transport {
 public:
    static constexpr std::size_t kNoLimit = ~std::size_t{0};

    // Reads once: ok with at least one byte, would_block, closed at the end of the stream, or an error. A
    // result shorter than `into` does not promise that the next read would block. `into` is not empty.
    virtual IoResult recv(int fd, std::span<char> into) = 0;

    // Writes from the front of the chain, consuming what was taken, until the chain is empty (ok), `limit`
    // bytes went out (ok), or the socket is full (would_block). File parts need their bytes in the page cache
    // to be quick: see file_io. A file that became shorter than its part is error EIO: the answer cannot be
    // completed.
    virtual IoResult send(int fd, Chain& chain, std::size_t limit = kNoLimit, Then then = Then::more) = 0;

    // Nothing more will be sent. (A TLS transport says so to its peer first.)
    virtual IoResult shutdown_write(int fd) = 0;

    // True when recv() would give bytes although the socket has none.
    virtual bool pending() const noexcept { return false; }

    // True when what is sent here is not readable on its way.
    virtual bool encrypted() const noexcept { return false; }

    // Ends the use of this object by its connection: the shared plain transport does nothing, others free
    // themselves.
    virtual void release() noexcept = 0;

 protected:
    ~Transport() = default;
};

struct ReleaseTransport {
    void operator()(Transport* transport) const noexcept { transport->release(); }
};
using TransportPtr = std::unique_ptr<Transport, ReleaseTransport>;

// The stateless transport, shared by all plain connections.
Transport& plain_transport() noexcept;

}  // namespace berth

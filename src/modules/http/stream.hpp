// Stream: the wire side of one exchange: what a Request sends through and reads its body from.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/memory/buffer.hpp"
#include "event/async/async.hpp"
#include "event/connection.hpp"
#include "modules/http/protocol/known_headers.hpp"

namespace berth::http {

class Request;

// The one word of back-pressure. full: the client does not keep up; a producer that has more waits for
// Request::writable() before it sends again. What was sent is taken in either case.
enum class Flow : std::uint8_t { open, full };

// One for each version of HTTP on the wire. A request knows its stream, never its connection's protocol.
class Stream {
 public:
    // Writes the head of request.out() into the queue; nothing need reach the wire before the body or
    // flush().
    virtual void send_head(Request& request) = 0;
    // Takes the chain; what it names must live as Request::send() says. `last`: the response is complete.
    virtual Flow send_body(Request& request, Chain& chain, bool last) = 0;
    // Sends an interim response, e.g. 103 with these fields' lines.
    virtual void send_interim(Request& request, int status, std::string_view field_lines) = 0;

    // The next bytes of the request body, decoded; an empty view at its end. The view is valid until the next
    // call. An error carries in `code` the status to answer with (400, 408, 413), or 499 when the client went
    // away.
    virtual Async<Result<std::string_view>> next_body(Request& request) = 0;
    // After the head of a 101 was sent: from here on next_body() gives what the client sends as it comes, and
    // send_body() what is sent as it is. A wait for the client ends after `idle` with 408, and can be tried
    // again.
    virtual void upgrade(Request& request, Duration idle) = 0;
    // Of an upgraded connection: the client is told that nothing more comes, and may go on sending.
    virtual void finish_sending(Request& request) = 0;
    // Whether there are body bytes that nobody has read yet.
    virtual bool body_pending() const noexcept = 0;
    // Whether all of a body of known length has come: then reading it does not wait.
    virtual bool body_is_here() const noexcept = 0;

    // The answer is broken off: the client must see that it is incomplete.
    virtual void reset(Request& request) = 0;
    // After this response the client is told to go (HTTP/1: Connection: close).
    virtual void close_after() noexcept = 0;

    // "HTTP/1.1"; for logs and variables.
    virtual std::string_view protocol(const Request& request) const noexcept = 0;
    // What the protocol adds to the response head by itself: the value of Connection or Transfer-Encoding,
    // and empty when there is none. Known once the head was sent.
    virtual std::string_view own_field(const Request& request, KnownHeader name) const noexcept = 0;
    // Bytes of this exchange on the wire.
    virtual std::uint64_t bytes_sent() const noexcept = 0;
    virtual std::uint64_t bytes_received() const noexcept = 0;
    // Of them, head bytes sent ($body_bytes_sent is the rest).
    virtual std::uint64_t head_bytes_sent() const noexcept = 0;
    // Whether this request began to come before the last one on its connection was answered.
    virtual bool pipelined() const noexcept = 0;

    // Addresses, TLS, number: facts about where it came from. Not for reading or writing.
    virtual Connection& connection() const noexcept = 0;

 protected:
    ~Stream() = default;
};

}  // namespace berth::http

// UpstreamProtocol: what a protocol to backends supplies; everything else about proxying is the engine's.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "core/memory/buffer.hpp"
#include "modules/http/protocol/fields.hpp"

namespace berth::http {

class Request;

// The head of an answer, as the engine sees it. Texts live until the next attempt begins, or longer.
struct AnswerHead {
    int status = 0;
    std::string_view reason;            // empty: the standard phrase
    const FieldList* fields = nullptr;  // positions in `bytes`
    std::string_view bytes;
    std::optional<std::uint64_t> length;  // of the body, when it is known
    bool bodiless = false;                // the body was not asked for, but the client did
    bool upgraded = false;                // no body follows, but another protocol (101)
    bool is_status_only = false;          // the client gets this server's own page for the status
};

// What a protocol made of the bytes it was given. `consumed` of them are done with.
struct HeadStep {
    enum class Kind : std::uint8_t {
        more,     // the head is not complete: call again with what was not consumed and what comes next
        interim,  // a 1xx head; the next head begins after `consumed`
        done,
        error,
    };
    Kind kind = Kind::more;
    std::size_t consumed = 0;
    std::string_view words{};  // of error: what is wrong, for the log
};

struct BodyStep {
    enum class Kind : std::uint8_t {
        more,  // all was consumed, and the body is not complete
        data,  // bytes of the body; call again with the rest, which may be empty
        done,  // complete; what is left is not part of the answer
        error,
    };
    Kind kind = Kind::more;
    std::size_t consumed = 0;
    std::string_view data{};   // inside of what was given
    std::string_view words{};  // of error
};

// What the backend gets of the client's body.
enum class SentBody : std::uint8_t { none, complete, streamed };

// One for each request that is proxied, in its arena. Plain functions: nothing here waits.
class UpstreamProtocol {
 public:
    // Appends what begins an attempt: the head of the request, and the body if it is complete; a streamed one
    // follows through frame_body(). False when it cannot be written (logged): 500.
    virtual bool write_request(Request& request, SentBody body, Chain& out) = 0;
    // Appends a piece of a streamed body as the protocol frames it; empty at its end.
    virtual void frame_body(Request& request, std::string_view piece, Chain& out) = 0;
    // Whether a streamed body can be sent; otherwise it is read completely first.
    virtual bool can_stream(const Request& request) const = 0;

    // A new attempt: nothing of an answer has been read.
    virtual void begin() = 0;
    // `bytes`: everything since the first byte of the head that is not done with. They stay where they are
    // until the attempt is over when this says done.
    virtual HeadStep read_head(Request& request, std::string_view bytes) = 0;
    // After interim and done.
    virtual const AnswerHead& head() const = 0;
    virtual BodyStep read_body(std::string_view bytes) = 0;
    // The backend closed its end, and all bytes were given to read_body(): whether the body is complete so.
    virtual bool complete_at_end() const = 0;
    // After a complete answer: whether the connection may be used again.
    virtual bool reusable() const = 0;
    // Fields behind the body, as lines ("Name: value\r\n"); empty when there are none. After done.
    virtual std::string_view trailers() const { return {}; }

    // Fields whose values are rewritten on their way to the client: Location, Refresh, Set-Cookie.
    virtual std::string_view rewrite(Request&, KnownHeader, std::string_view value) { return value; }

 protected:
    ~UpstreamProtocol() = default;
};

}  // namespace berth::http

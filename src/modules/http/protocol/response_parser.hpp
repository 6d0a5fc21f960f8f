// Reads an HTTP/1 response head from an upstream, strictly and incrementally (RFC 9112 4).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "modules/http/protocol/field_parser.hpp"
#include "modules/http/protocol/fields.hpp"
#include "modules/http/protocol/framing.hpp"

namespace berth::http {

struct ResponseHead {
    int status = 0;  // 100..999
    std::uint8_t minor_version = 1;
    Slice line;    // without its line end
    Slice reason;  // may be empty
    FieldList fields;
    std::uint32_t dropped_fields = 0;  // left out because of an invalid name
};

// Used as RequestParser is: feed() takes everything since the first byte of this head, and goes on where it
// stopped. Every refusal is 502. A status that is not three digits from 100 on, another version than
// HTTP/1.x, and whatever FieldParser refuses, end the response.
class ResponseParser {
 public:
    enum class Status : std::uint8_t { more, done, error };

    explicit ResponseParser(const HeadOptions& options = {}) noexcept : options_(options), parser_(options) {}

    Status feed(std::string_view buffer);

    // Complete after done.
    const ResponseHead& head() const noexcept { return head_; }
    const Refusal& refusal() const noexcept { return refusal_; }
    // After done: the length of the head. After an interim (1xx) head the next head begins there.
    std::size_t consumed() const noexcept { return position_; }

    // Ready for the next head, whose first byte is position 0 of the next feed().
    void reset() noexcept;

 private:
    enum class State : std::uint8_t { status_line, fields, done };

    Status read_status_line(std::string_view buffer);
    bool read_status(std::string_view line);
    Status fail(std::string_view words);

    HeadOptions options_;
    State state_ = State::status_line;
    std::size_t position_ = 0;  // of the scan; after done, of the body
    Refusal refusal_;
    ResponseHead head_;
    FieldParser parser_;
};

struct ResponseFraming {
    enum class Kind : std::uint8_t { none, content_length, chunked, until_close, error };
    Kind kind = Kind::none;
    std::uint64_t length = 0;  // of content_length
    Refusal refusal;           // of error: 502
};

// RFC 9112 6.3 for the answer to a request with this method. Refused, as for requests: both length and
// coding, repeated or invalid lengths, a coding other than a sole "chunked", a coding in HTTP/1.0.
ResponseFraming response_framing(const ResponseHead& head, std::string_view buffer,
                                 Method request_method) noexcept;

// Whether the upstream's connection may be used again once the body is complete.
bool keep_alive(const ResponseHead& head, std::string_view buffer) noexcept;

}  // namespace berth::http

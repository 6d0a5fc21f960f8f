// Reads an HTTP/1 request head, strictly and incrementally (RFC 9112).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "modules/http/protocol/field_parser.hpp"
#include "modules/http/protocol/fields.hpp"
#include "modules/http/protocol/method.hpp"

namespace berth::http {

// RFC 9112 3.2.
enum class TargetForm : std::uint8_t { origin, absolute, authority, asterisk };

struct RequestHead {
    Method method = Method::other;
    TargetForm form = TargetForm::origin;
    std::uint8_t minor_version = 1;  // the y of HTTP/1.y
    bool has_query = false;          // "/a?" has an empty one
    Slice line;                      // the request line without its line end
    Slice method_text;
    Slice target;     // as it was sent: $request_uri
    Slice path;       // before ? and #; empty in "http://host"
    Slice query;      // after ?, before #
    Slice scheme;     // of absolute-form
    Slice authority;  // of absolute-form and authority-form, unchecked
    FieldList fields;
    std::uint32_t dropped_fields = 0;  // left out because of an invalid name

    void clear() noexcept;
};

// One parser reads one head after another (reset() between). feed() takes everything that came so far, from
// the same first byte, and goes on where it stopped: the buffer may be moved between calls, and the work is
// linear in its size. The verdict does not depend on how the bytes were split. Buffers are at most 4 GiB.
//
// Beyond FieldParser: empty lines before the request line are skipped; several spaces between the parts are
// accepted, tabs are not; a version other than HTTP/1.x is 505, a malformed or absent one 400; a line that is
// too long is 414; lower-case letters in a method are 400; control bytes in the target are 400, bytes above
// 0x7f pass.
class RequestParser {
 public:
    enum class Status : std::uint8_t { more, done, error };

    explicit RequestParser(const HeadOptions& options = {}) noexcept : options_(options), parser_(options) {}

    Status feed(std::string_view buffer);

    // Complete after done; after error it holds what was read before it (for the log).
    RequestHead& head() noexcept { return head_; }
    const RequestHead& head() const noexcept { return head_; }
    // Valid after error: 400, 414, 431, 501 or 505.
    const Refusal& refusal() const noexcept { return refusal_; }
    // After done: length of the head including leading empty lines; the body begins there.
    std::size_t consumed() const noexcept { return position_; }
    // True when no byte of a request line has come yet (only empty lines, or nothing): the connection is
    // idle.
    bool idle() const noexcept { return state_ == State::start; }

    // Ready for the next head, whose first byte is position 0 of the next feed().
    void reset() noexcept;
    // Between heads.
    void set_options(const HeadOptions& options) noexcept {
        options_ = options;
        parser_.set_options(options);
    }

 private:
    enum class State : std::uint8_t {
        start,
        method,
        before_target,
        target,
        before_version,
        version,
        line_end,
        fields,
        done
    };
    enum class Step : std::uint8_t { more, next, done, error };

    Step step(std::string_view buffer);
    Step at_start(std::string_view buffer);
    Step in_method(std::string_view buffer);
    Step before_target(std::string_view buffer);
    Step in_target(std::string_view buffer);
    Step end_of_target(std::string_view buffer);
    bool read_absolute(std::string_view target);
    void read_path(std::string_view target, std::size_t path_start);
    Step before_version(std::string_view buffer);
    Step in_version(std::string_view buffer);
    Step at_line_end(std::string_view buffer);
    Step in_fields(std::string_view buffer);
    Step line_end(std::string_view buffer, std::size_t& next_line);
    Step need_more(std::string_view buffer);
    bool over_limit(std::size_t at);
    Step fail(std::size_t at, int status, std::string_view words);

    HeadOptions options_;
    State state_ = State::start;
    std::size_t position_ = 0;
    std::size_t line_start_ = 0;
    std::size_t part_start_ = 0;
    std::size_t version_end_ = 0;
    Refusal refusal_;
    RequestHead head_;
    FieldParser parser_;
};

}  // namespace berth::http

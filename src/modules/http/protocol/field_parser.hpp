// Reads field lines: of a request head, of a response head, of trailers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "modules/http/protocol/fields.hpp"

namespace berth::http {

enum class Underscores : std::uint8_t { drop, allow, reject };

// Limits and knobs of a head. All sizes in bytes.
struct HeadOptions {
    std::uint32_t max_line = 8192;   // one line with its line end (large_client_header_buffers, size)
    std::uint32_t max_head = 32768;  // the whole head (large_client_header_buffers, number x size)
    std::uint32_t max_fields = 128;  // at most FieldList::kMax
    Underscores underscores = Underscores::drop;
    bool ignore_invalid = true;  // fields whose name is not [A-Za-z0-9-]: dropped and counted; otherwise kept
                                 // when the name is a token, else refused
    bool bare_lf = true;         // LF without CR ends a line
};

// For heads of backends: X_buffer_size limits them, and names need only be tokens.
inline constexpr HeadOptions kAnswerHead = {
    .max_line = 1U << 30U,
    .max_head = 1U << 30U,
    .max_fields = 254,
    .underscores = Underscores::allow,
    .ignore_invalid = false,
};

// Incremental and linear: feed() takes the whole buffer from its beginning, with more bytes each time, and
// goes on where it stopped. Positions are relative to the buffer's beginning; the buffer may move between
// calls. The verdict does not depend on how the bytes were split. Refuses (400): folded lines, white space
// before the colon, lines without a colon, an empty name, bare CR, control bytes (RFC 9112 5.1, 5.2; RFC
// 9110 5.5). 431: too long, too many.
class FieldParser {
 public:
    enum class Status : std::uint8_t { more, done, error };

    explicit FieldParser(const HeadOptions& options = {}) noexcept : options_(options) {}

    // Before start().
    void set_options(const HeadOptions& options) noexcept { options_ = options; }

    // Begins at `position`, the first byte of the first field line; the head began at `head_start`.
    void start(std::size_t position, std::size_t head_start) noexcept;

    // Appends what it finds to `fields` until the empty line. After done or error call start() first.
    Status feed(std::string_view buffer, FieldList& fields);

    // The first byte after the empty line; valid after done.
    std::size_t position() const noexcept { return position_; }
    // Why, and at which byte; valid after error.
    const Refusal& refusal() const noexcept { return refusal_; }
    // Fields that were left out because of their name.
    std::uint32_t dropped() const noexcept { return dropped_; }

 private:
    enum class State : std::uint8_t { line, name, value_start, value, done };
    enum class Step : std::uint8_t { more, next, done, error };

    Step at_line(std::string_view buffer);
    Step in_name(std::string_view buffer, const FieldList& fields);
    Step end_of_name(const FieldList& fields);
    Step before_value(std::string_view buffer);
    Step in_value(std::string_view buffer, FieldList& fields);
    Step line_end(std::string_view buffer, std::size_t at, std::size_t& next_line);
    void end_of_line(std::string_view buffer, std::size_t next_line, FieldList& fields);
    Step need_more(std::string_view buffer);
    bool over_limit(std::size_t at);
    Step fail(std::size_t at, std::string_view words, int status = 400);

    HeadOptions options_;
    State state_ = State::line;
    bool odd_name_ = false;     // not [A-Za-z0-9-]
    bool broken_name_ = false;  // not a token
    bool underscore_ = false;
    std::uint32_t dropped_ = 0;
    std::size_t position_ = 0;
    std::size_t head_start_ = 0;
    std::size_t line_start_ = 0;
    std::size_t name_end_ = 0;
    std::size_t value_start_ = 0;
    Refusal refusal_;
};

}  // namespace berth::http

// The chunked transfer coding, both ways (RFC 9112 7.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "modules/http/protocol/fields.hpp"

namespace berth::http {

// Takes chunked bytes as they come and yields the body in place, without copying. Line ends must be CRLF. Any
// state is kept between calls, no pointer is: bytes that were consumed need not be kept.
class ChunkedDecoder {
 public:
    static constexpr std::uint32_t kMaxLine = 4096;       // a chunk-size line with its extensions
    static constexpr std::uint32_t kMaxTrailers = 16384;  // all trailer lines

    enum class Status : std::uint8_t { more, data, done, error };
    struct Step {
        Status status;
        std::size_t consumed;   // of `input`; call again with what is behind it
        std::string_view data;  // body bytes inside `input`; only with Status::data, never empty then
    };

    // With `keep_trailers` the trailer lines are kept for trailers(); otherwise they are checked and dropped.
    explicit ChunkedDecoder(bool keep_trailers = false) : keep_trailers_(keep_trailers) {}

    // more: all of `input` was consumed and the body is not complete. done: complete, the next message begins
    // after `consumed`. error: refusal() says why; no further call.
    Step next(std::string_view input);

    // Body bytes yielded so far.
    std::uint64_t total() const noexcept { return total_; }
    // Bytes of the present chunk that have not been yielded yet: a hint for the size of the next read.
    std::uint64_t remaining() const noexcept { return remaining_; }
    const Refusal& refusal() const noexcept { return refusal_; }
    // Checked "Name: value\r\n" lines and the final empty line, for FieldParser; empty unless they were asked
    // for. Fields for which forbidden_in_trailer() holds are still among them.
    std::string_view trailers() const noexcept { return trailers_; }
    std::uint32_t trailer_fields() const noexcept { return trailer_fields_; }

    void reset();

 private:
    enum class State : std::uint8_t {
        size_first,
        size,
        size_space,
        extension,
        size_lf,
        data,
        data_cr,
        data_lf,
        trailer_start,
        trailer_name,
        trailer_value,
        trailer_lf,
        end_lf,
        done,
        failed
    };

    bool take(unsigned char c);
    bool take_size(unsigned char c);
    bool take_extension(unsigned char c);
    bool take_trailer(unsigned char c);
    bool fail(std::string_view words);

    bool keep_trailers_;
    State state_ = State::size_first;
    std::uint32_t line_ = 0;      // bytes of the present chunk-size line
    std::uint32_t trailing_ = 0;  // bytes of trailers
    std::uint32_t trailer_fields_ = 0;
    std::uint64_t remaining_ = 0;
    std::uint64_t total_ = 0;
    Refusal refusal_;
    std::string trailers_;
};

// Fields that have no meaning, or a dangerous one, in a trailer (RFC 9110 6.5.1): framing, routing,
// authentication, request modifiers, Content-*.
bool forbidden_in_trailer(KnownHeader id) noexcept;

inline constexpr std::size_t kMaxChunkHead = 18;  // 16 digits, CRLF
inline constexpr std::string_view kLastChunk = "0\r\n\r\n";

// Writes "1f\r\n" and returns its length. `size` is not 0; a CRLF follows the data.
std::size_t write_chunk_head(char (&out)[kMaxChunkHead], std::uint64_t size) noexcept;

}  // namespace berth::http

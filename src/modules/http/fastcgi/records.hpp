// FastcgiRecords: reads what a FastCGI application sends, record by record (FastCGI Specification 1.0, 3.3,
// 5.3, 5.5, 8).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace berth::http {

enum class FastcgiType : std::uint8_t {
    begin_request = 1,
    end_request = 3,
    params = 4,
    standard_input = 5,
    standard_output = 6,
    standard_error = 7,
};

inline constexpr std::size_t kFastcgiHead = 8;             // bytes in front of each record's content
inline constexpr std::size_t kFastcgiMostContent = 65528;  // the most we put into one: needs no padding

// Appends the head of a record with this much content (at most kFastcgiMostContent) and no padding. All
// records are those of request 1: a connection carries one request at a time.
void append_fastcgi_head(std::string& out, FastcgiType type, std::size_t size);
// Appends one name and value (3.4). Always true.
bool append_fastcgi_param(std::string& out, std::string_view name, std::string_view value);

// Incremental: what it says does not depend on how the bytes are split, but that a record's content comes in
// as many pieces as its bytes do.
class FastcgiRecords {
 public:
    enum class Kind : std::uint8_t {
        more,     // all bytes were consumed
        output,   // a piece of what the application answers
        message,  // a piece of what it has to say to the error log
        end,      // END_REQUEST: it is done, and what comes next would belong to another request
        error,
    };
    struct Step {
        Kind kind = Kind::more;
        std::size_t consumed = 0;
        std::string_view data{};   // of output and message, inside of what was given; not empty
        bool record_ends = false;  // behind `data`
        std::string_view words{};  // of error
    };

    // Ready for the first record of an answer.
    void reset() noexcept { *this = FastcgiRecords(); }
    // Goes on with bytes that were not given before.
    Step next(std::string_view bytes);
    // The last `count` bytes of the output that next() returned just now will be given again.
    void give_back(std::size_t count) noexcept { content_ += count; }
    // The application has closed its output: only END_REQUEST is missing.
    bool output_ended() const noexcept { return output_ended_; }

 private:
    enum class State : std::uint8_t { head, content, padding };

    bool fill(std::string_view bytes, std::size_t& used);
    std::string_view read_head();
    std::string_view read_end() const;

    std::array<unsigned char, kFastcgiHead> buffer_{};  // a record's head, or the content of END_REQUEST
    std::size_t have_ = 0;
    std::size_t content_ = 0;  // what is left of the record
    std::size_t padding_ = 0;
    State state_ = State::head;
    FastcgiType type_ = FastcgiType::end_request;
    bool output_ended_ = false;
};

}  // namespace berth::http

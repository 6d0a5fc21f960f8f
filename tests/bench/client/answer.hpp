// Answer: finds the end of an HTTP/1.1 answer in the bytes that arrive, and what a client must know of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace berth::bench {

// Answers with a Content-Length only: what the servers are asked for has one.
class Answer {
 public:
    enum class State { more, complete, wrong };

    void clear() noexcept {
        head_.clear();
        left_ = 0;
        begun_ = in_body_ = says_close_ = false;
        status_ = 0;
    }
    State feed(std::string_view bytes);

    bool begun() const noexcept { return begun_; }  // at least one byte of it came
    int status() const noexcept { return status_; }
    bool says_close() const noexcept { return says_close_; }

 private:
    bool read_head(std::string_view head);

    std::string head_;
    std::uint64_t left_ = 0;  // bytes of the body still to come
    bool begun_ = false;
    bool in_body_ = false;
    bool says_close_ = false;
    int status_ = 0;
};

}  // namespace berth::bench

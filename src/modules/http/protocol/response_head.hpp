// Writes HTTP/1 heads (responses, and requests to upstreams) into one growing, bounds-checked text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/memory/arena.hpp"
#include "modules/http/protocol/known_headers.hpp"

namespace berth::http {

// Nothing that is written here can break the framing: a field whose name is not a token or whose value holds
// a control byte (CR, LF, NUL, ...) is left out and counted in rejected(). The text lives in the arena.
class HeadWriter {
 public:
    explicit HeadWriter(Arena& arena, std::size_t capacity = 512);

    // "HTTP/1.1 404 Not Found\r\n". A code outside 100..999 is written as 500.
    void status(int code);
    // The same with another phrase (from an upstream); a phrase with control bytes is replaced by the
    // standard one.
    void status(int code, std::string_view reason);
    // "GET /path HTTP/1.1\r\n". False, and nothing written, when method or target has a space or control
    // byte.
    bool request_line(std::string_view method, std::string_view target, int minor_version = 1);

    // "Name: value\r\n". False when it was left out.
    bool field(std::string_view name, std::string_view value);
    bool field(KnownHeader id, std::string_view value);
    bool field(KnownHeader id, std::uint64_t value);

    // Whole lines that were made by the server itself, e.g. "Server: berth/0.1.0\r\n": not checked.
    void raw(std::string_view lines) { append(lines); }

    // The final empty line. The view stays valid until more is written, or the arena ends.
    std::string_view finish();
    std::string_view text() const noexcept { return {data_, size_}; }

    std::size_t rejected() const noexcept { return rejected_; }

 private:
    void append(std::string_view text) {
        if (text.size() > capacity_ - size_) grow(text.size());
        put(text);
    }
    void append_field(std::string_view name, std::string_view value);
    void put(std::string_view text) noexcept;  // there is room
    void grow(std::size_t more);

    Arena& arena_;
    char* data_ = nullptr;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    std::size_t rejected_ = 0;
};

inline void HeadWriter::put(std::string_view text) noexcept {
    if (!text.empty()) std::memcpy(data_ + size_, text.data(), text.size());
    size_ += text.size();
}

}  // namespace berth::http

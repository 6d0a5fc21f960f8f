// How FastCGI records are written and read.
#include "modules/http/fastcgi/records.hpp"

#include <algorithm>

namespace berth::http {

namespace {

constexpr unsigned kVersion = 1;
constexpr unsigned kRequestId = 1;
constexpr std::size_t kShortLength = 127;       // up to here a length takes one byte
constexpr std::uint32_t kLongMark = 1U << 31U;  // beyond, four, with this set
constexpr std::size_t kEndContent = 8;
constexpr unsigned kComplete = 0;  // protocolStatus FCGI_REQUEST_COMPLETE

void append_number(std::string& out, std::uint64_t number, unsigned bytes) {
    for (unsigned shift = bytes * 8; shift > 0; shift -= 8) {
        out += static_cast<char>(number >> (shift - 8) & 0xff);
    }
}

void append_length(std::string& out, std::size_t length) {
    if (length <= kShortLength) return append_number(out, length, 1);
    append_number(out, length | kLongMark, 4);
}

}  // namespace

void append_fastcgi_head(std::string& out, FastcgiType type, std::size_t size) {
    append_number(out, kVersion, 1);
    append_number(out, static_cast<std::uint64_t>(type), 1);
    append_number(out, kRequestId, 2);
    append_number(out, size, 2);
    append_number(out, 0, 2);
}

bool append_fastcgi_param(std::string& out, std::string_view name, std::string_view value) {
    append_length(out, name.size());
    append_length(out, value.size());
    out.append(name).append(value);
    return true;
}

// Collects eight bytes; true when they are there.
bool FastcgiRecords::fill(std::string_view bytes, std::size_t& used) {
    const std::size_t size = std::min(buffer_.size() - have_, bytes.size() - used);
    std::copy_n(bytes.data() + used, size, buffer_.begin() + static_cast<std::ptrdiff_t>(have_));
    used += size;
    have_ += size;
    if (have_ < buffer_.size()) return false;
    have_ = 0;
    return true;
}

// Empty, or what is wrong with it.
std::string_view FastcgiRecords::read_head() {
    const auto pair = [&](std::size_t at) {
        return static_cast<unsigned>(buffer_[at] << 8 | buffer_[at + 1]);
    };
    if (buffer_[0] != kVersion) return "upstream sent unsupported FastCGI protocol version";
    type_ = static_cast<FastcgiType>(buffer_[1]);
    content_ = pair(4);
    padding_ = buffer_[6];
    if (pair(2) != kRequestId) return "upstream sent unexpected FastCGI request id";
    switch (type_) {
        case FastcgiType::standard_output:
            if (output_ended_ && content_ > 0) return "upstream sent FastCGI output after its end";
            output_ended_ = output_ended_ || content_ == 0;
            return {};
        case FastcgiType::standard_error: return {};
        case FastcgiType::end_request:
            return content_ == kEndContent ? std::string_view()
                                           : "upstream sent invalid FastCGI end of request";
        default: return "upstream sent unexpected FastCGI record";
    }
}

std::string_view FastcgiRecords::read_end() const {
    return buffer_[4] == kComplete ? std::string_view() : "upstream rejected the FastCGI request";
}

FastcgiRecords::Step FastcgiRecords::next(std::string_view bytes) {
    std::size_t used = 0;
    const auto error = [&](std::string_view words) { return Step{Kind::error, used, {}, false, words}; };
    for (;;) {
        if (state_ == State::head) {
            if (!fill(bytes, used)) return {Kind::more, used, {}, false, {}};
            if (const std::string_view words = read_head(); !words.empty()) return error(words);
            state_ = State::content;
        }
        if (state_ == State::content && type_ == FastcgiType::end_request) {
            if (!fill(bytes, used)) return {Kind::more, used, {}, false, {}};
            if (const std::string_view words = read_end(); !words.empty()) return error(words);
            content_ = 0;
        }
        if (state_ == State::content && content_ > 0) {
            const std::string_view data = bytes.substr(used, content_);
            used += data.size();
            content_ -= data.size();
            if (data.empty()) return {Kind::more, used, {}, false, {}};
            const bool output = type_ == FastcgiType::standard_output;
            return {output ? Kind::output : Kind::message, used, data, content_ == 0, {}};
        }
        state_ = State::padding;
        const std::size_t skipped = std::min(padding_, bytes.size() - used);
        used += skipped;
        padding_ -= skipped;
        if (padding_ > 0) return {Kind::more, used, {}, false, {}};
        state_ = State::head;
        if (type_ == FastcgiType::end_request) return {Kind::end, used, {}, false, {}};
    }
}

}  // namespace berth::http

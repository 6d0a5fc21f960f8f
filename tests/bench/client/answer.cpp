// Reads the heads of answers: status, length, and whether the connection ends with it.
#include "tests/bench/client/answer.hpp"

#include <strings.h>

#include <charconv>

namespace berth::bench {
namespace {

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

bool Answer::read_head(std::string_view head) {
    if (head.size() < 12 || !head.starts_with("HTTP/1.")) return false;
    const char* const digits = head.data() + 9;
    if (std::from_chars(digits, digits + 3, status_).ec != std::errc{}) return false;
    bool has_length = false;
    while (!head.empty()) {
        const std::size_t end = head.find("\r\n");
        const std::string_view line = head.substr(0, end);
        head.remove_prefix(end == std::string_view::npos ? head.size() : end + 2);
        const std::size_t colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const std::string_view name = line.substr(0, colon);
        std::string_view value = line.substr(colon + 1);
        while (value.starts_with(' ')) value.remove_prefix(1);
        if (same(name, "content-length")) {
            has_length = std::from_chars(value.data(), value.data() + value.size(), left_).ec == std::errc{};
        } else if (same(name, "connection")) {
            says_close_ = same(value, "close");
        }
    }
    return has_length;
}

Answer::State Answer::feed(std::string_view bytes) {
    begun_ = begun_ || !bytes.empty();
    if (!in_body_) {
        const std::size_t before = head_.size();
        head_.append(bytes);
        const std::size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
        if (end == std::string::npos) return head_.size() > 65536 ? State::wrong : State::more;
        if (!read_head(std::string_view(head_).substr(0, end))) return State::wrong;
        in_body_ = true;
        bytes.remove_prefix(end + 4 - before);
    }
    if (bytes.size() > left_) return State::wrong;
    left_ -= bytes.size();
    return left_ == 0 ? State::complete : State::more;
}

}  // namespace berth::bench

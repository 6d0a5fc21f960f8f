// Reads an HTTP/1 request head: the request line here, the field lines by FieldParser.
#include "modules/http/protocol/request_parser.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "modules/http/protocol/scan.hpp"
#include "modules/http/protocol/uri.hpp"

namespace berth::http {
namespace {

constexpr std::size_t kMaxMethod = 32;
constexpr std::string_view kVersion = "HTTP/1.1";

// A token without lower-case letters: "get" is a mistake, not an unknown method.
constexpr bool is_method_byte(unsigned char c) noexcept {
    return name_byte(c) <= NameByte::token && !ascii::is_lower(static_cast<char>(c));
}

Slice slice(std::size_t begin, std::size_t end) noexcept {
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
}

}  // namespace

void RequestHead::clear() noexcept {
    method = Method::other;
    form = TargetForm::origin;
    minor_version = 1;
    has_query = false;
    line = method_text = target = path = query = scheme = authority = {};
    fields.clear();
    dropped_fields = 0;
}

void RequestParser::reset() noexcept {
    state_ = State::start;
    position_ = line_start_ = part_start_ = version_end_ = 0;
    refusal_ = {};
    head_.clear();
}

RequestParser::Status RequestParser::feed(std::string_view buffer) {
    Step result = Step::next;
    while (result == Step::next) result = step(buffer);
    if (result == Step::done) return Status::done;
    return result == Step::more ? Status::more : Status::error;
}

RequestParser::Step RequestParser::step(std::string_view buffer) {
    switch (state_) {
        case State::start: return at_start(buffer);
        case State::method: return in_method(buffer);
        case State::before_target: return before_target(buffer);
        case State::target: return in_target(buffer);
        case State::before_version: return before_version(buffer);
        case State::version: return in_version(buffer);
        case State::line_end: return at_line_end(buffer);
        case State::fields: return in_fields(buffer);
        case State::done: break;
    }
    return Step::done;
}

RequestParser::Step RequestParser::at_start(std::string_view buffer) {
    if (position_ == buffer.size()) return need_more(buffer);
    std::size_t next_line = 0;
    switch (line_end(buffer, next_line)) {
        case Step::more: return need_more(buffer);
        case Step::error: return Step::error;
        case Step::next:
            if (over_limit(next_line - 1)) return Step::error;
            position_ = line_start_ = next_line;
            return Step::next;
        case Step::done: break;
    }
    part_start_ = position_;
    state_ = State::method;
    return Step::next;
}

RequestParser::Step RequestParser::in_method(std::string_view buffer) {
    const std::string_view most = buffer.substr(0, part_start_ + kMaxMethod + 1);
    for (;; ++position_) {
        position_ = find_first<MethodEnd>(most, position_);
        if (position_ == most.size()) break;
        const char c = most[position_];
        if (c == ' ' && position_ > part_start_) {
            head_.method_text = slice(part_start_, position_);
            head_.method = method_of(head_.method_text.in(buffer));
            state_ = State::before_target;
            return Step::next;
        }
        if (!is_method_byte(static_cast<unsigned char>(c)))
            return fail(position_, 400, "client sent invalid method");
    }
    if (position_ - part_start_ > kMaxMethod) return fail(position_ - 1, 501, "client sent too long method");
    return need_more(buffer);
}

RequestParser::Step RequestParser::before_target(std::string_view buffer) {
    while (position_ < buffer.size() && buffer[position_] == ' ') ++position_;
    if (position_ == buffer.size()) return need_more(buffer);
    part_start_ = position_;
    state_ = State::target;
    return Step::next;
}

RequestParser::Step RequestParser::in_target(std::string_view buffer) {
    position_ = find_first<TargetEnd>(buffer, position_);
    if (position_ == buffer.size()) return need_more(buffer);
    switch (buffer[position_]) {
        case ' ': return end_of_target(buffer);
        case '\r':
        case '\n': return fail(position_, 400, "client sent HTTP/0.9 request");
        default: return fail(position_, 400, "client sent control character in request target");
    }
}

RequestParser::Step RequestParser::end_of_target(std::string_view buffer) {
    head_.target = slice(part_start_, position_);
    const std::string_view target = head_.target.in(buffer);
    bool good = true;
    if (target.front() == '/') {
        read_path(target, 0);
    } else if (head_.method == Method::connect) {
        head_.form = TargetForm::authority;
        head_.authority = head_.target;
    } else if (target == "*") {
        head_.form = TargetForm::asterisk;
        good = head_.method == Method::options;
    } else {
        good = read_absolute(target);
    }
    if (!good) return fail(position_, 400, "client sent invalid request target");
    state_ = State::before_version;
    return Step::next;
}

// "scheme://authority[/path][?query]".
bool RequestParser::read_absolute(std::string_view target) {
    head_.form = TargetForm::absolute;
    const std::size_t colon = target.find(':');
    if (colon == target.npos || !ascii::is_alpha(target[0]) || target.substr(colon, 3) != "://") return false;
    const std::string_view scheme = target.substr(0, colon);
    const auto is_scheme_byte = [](char c) { return ascii::is_alnum(c) || c == '+' || c == '-' || c == '.'; };
    if (!std::all_of(scheme.begin(), scheme.end(), is_scheme_byte)) return false;
    const std::size_t host = colon + 3;
    const std::size_t end = find_first<PathEnd<true>>(target, host);
    if (end == host) return false;
    head_.scheme = slice(part_start_, part_start_ + colon);
    head_.authority = slice(part_start_ + host, part_start_ + end);
    read_path(target, end);
    return true;
}

void RequestParser::read_path(std::string_view target, std::size_t path_start) {
    const TargetParts parts = split_target(target.substr(path_start));
    const std::size_t path_end = path_start + parts.path.size();
    head_.path = slice(part_start_ + path_start, part_start_ + path_end);
    head_.has_query = parts.has_query;
    const std::size_t query = part_start_ + path_end + 1;
    if (parts.has_query) head_.query = slice(query, query + parts.query.size());
}

RequestParser::Step RequestParser::before_version(std::string_view buffer) {
    while (position_ < buffer.size() && buffer[position_] == ' ') ++position_;
    if (position_ == buffer.size()) return need_more(buffer);
    const char c = buffer[position_];
    if (c == '\r' || c == '\n') return fail(position_, 400, "client sent HTTP/0.9 request");
    part_start_ = position_;
    state_ = State::version;
    return Step::next;
}

// Exactly HTTP/DIGIT.DIGIT (RFC 9112 2.3).
RequestParser::Step RequestParser::in_version(std::string_view buffer) {
    if (buffer.substr(part_start_).starts_with(kVersion)) position_ = part_start_ + kVersion.size();
    for (; position_ - part_start_ < kVersion.size(); ++position_) {
        if (position_ == buffer.size()) return need_more(buffer);
        const std::size_t at = position_ - part_start_;
        const char c = buffer[position_];
        const bool digit_here = at == 5 || at == 7;
        if (digit_here ? !ascii::is_digit(c) : c != kVersion[at]) {
            return fail(position_, 400,
                        at == 0 ? "client sent space in request target" : "client sent invalid version");
        }
    }
    const char major = buffer[part_start_ + 5];
    if (major == '0') return fail(position_ - 1, 400, "client sent invalid version");
    if (major != '1') return fail(position_ - 1, 505, "client sent unsupported version");
    head_.minor_version = static_cast<std::uint8_t>(buffer[part_start_ + 7] - '0');
    version_end_ = position_;
    state_ = State::line_end;
    return Step::next;
}

RequestParser::Step RequestParser::at_line_end(std::string_view buffer) {
    while (position_ < buffer.size() && buffer[position_] == ' ') ++position_;
    if (position_ == buffer.size()) return need_more(buffer);
    std::size_t next_line = 0;
    switch (line_end(buffer, next_line)) {
        case Step::more: return need_more(buffer);
        case Step::error: return Step::error;
        case Step::done: return fail(position_, 400, "client sent invalid version");
        case Step::next: break;
    }
    if (over_limit(next_line - 1)) return Step::error;
    head_.line = slice(line_start_, version_end_);
    parser_.start(next_line, 0);
    state_ = State::fields;
    return Step::next;
}

RequestParser::Step RequestParser::in_fields(std::string_view buffer) {
    const FieldParser::Status status = parser_.feed(buffer, head_.fields);
    head_.dropped_fields = parser_.dropped();
    if (status == FieldParser::Status::more) return Step::more;
    if (status == FieldParser::Status::error) {
        refusal_ = parser_.refusal();
        return Step::error;
    }
    position_ = parser_.position();
    state_ = State::done;
    return Step::done;
}

// next: a line ends at position_. done: the byte there is neither CR nor LF.
RequestParser::Step RequestParser::line_end(std::string_view buffer, std::size_t& next_line) {
    if (buffer[position_] == '\n') {
        if (!options_.bare_lf) return fail(position_, 400, "client sent request line without CR");
        next_line = position_ + 1;
        return Step::next;
    }
    if (buffer[position_] != '\r') return Step::done;
    if (position_ + 1 == buffer.size()) return Step::more;
    if (buffer[position_ + 1] != '\n')
        return fail(position_ + 1, 400, "client sent request line with bare CR");
    next_line = position_ + 2;
    return Step::next;
}

RequestParser::Step RequestParser::need_more(std::string_view buffer) {
    return buffer.size() > line_start_ && over_limit(buffer.size() - 1) ? Step::error : Step::more;
}

// A byte beyond a limit is refused for that, whatever it is: so the verdict is the same for every split.
bool RequestParser::over_limit(std::size_t at) {
    const std::size_t line_limit = line_start_ + options_.max_line;
    if (at < std::min<std::size_t>(line_limit, options_.max_head)) return false;
    if (line_limit <= options_.max_head) {
        refusal_ = {414, "client sent too long URI"};
    } else {
        refusal_ = {431, "client sent too large request"};
    }
    return true;
}

RequestParser::Step RequestParser::fail(std::size_t at, int status, std::string_view words) {
    if (!over_limit(at)) refusal_ = {status, words};
    return Step::error;
}

}  // namespace berth::http

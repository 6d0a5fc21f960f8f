// Reads field lines, one state a part of the line, each ended by a scan for the first byte that does not
// belong to it.
#include "modules/http/protocol/field_parser.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "modules/http/protocol/scan.hpp"

namespace berth::http {
namespace {

Slice slice(std::size_t begin, std::size_t end) noexcept {
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
}

}  // namespace

void FieldParser::start(std::size_t position, std::size_t head_start) noexcept {
    state_ = State::line;
    odd_name_ = broken_name_ = underscore_ = false;
    dropped_ = 0;
    position_ = line_start_ = position;
    head_start_ = head_start;
    refusal_ = {};
}

FieldParser::Status FieldParser::feed(std::string_view buffer, FieldList& fields) {
    for (;;) {
        Step step = Step::done;
        switch (state_) {
            case State::line: step = at_line(buffer); break;
            case State::name: step = in_name(buffer, fields); break;
            case State::value_start: step = before_value(buffer); break;
            case State::value: step = in_value(buffer, fields); break;
            case State::done: break;
        }
        if (step == Step::next) continue;
        if (step == Step::done) return Status::done;
        return step == Step::more ? Status::more : Status::error;
    }
}

FieldParser::Step FieldParser::at_line(std::string_view buffer) {
    if (position_ == buffer.size()) return need_more(buffer);
    const char c = buffer[position_];
    if (!NameEnd::match(static_cast<unsigned char>(c))) {
        state_ = State::name;
        return Step::next;
    }
    if (c == ' ' || c == '\t') return fail(position_, "client sent folded header line");
    std::size_t next_line = 0;
    switch (line_end(buffer, position_, next_line)) {
        case Step::more: return need_more(buffer);
        case Step::error: return Step::error;
        case Step::next: break;
        case Step::done:  // no line end here: the first byte of an unusual name
            state_ = State::name;
            return Step::next;
    }
    if (over_limit(next_line - 1)) return Step::error;
    position_ = next_line;
    state_ = State::done;
    return Step::done;
}

// next: a line ends at `at`. done: the byte there is neither CR nor LF.
FieldParser::Step FieldParser::line_end(std::string_view buffer, std::size_t at, std::size_t& next_line) {
    if (buffer[at] == '\n') {
        if (!options_.bare_lf) return fail(at, "client sent header line without CR");
        next_line = at + 1;
        return Step::next;
    }
    if (buffer[at] != '\r') return Step::done;
    if (at + 1 == buffer.size()) return Step::more;
    if (buffer[at + 1] != '\n') return fail(at + 1, "client sent header line with bare CR");
    next_line = at + 2;
    return Step::next;
}

FieldParser::Step FieldParser::in_name(std::string_view buffer, const FieldList& fields) {
    for (;;) {
        position_ = find_first<NameEnd>(buffer, position_);
        if (position_ == buffer.size()) return need_more(buffer);
        const char c = buffer[position_];
        if (c == ':') return end_of_name(fields);
        switch (name_byte(static_cast<unsigned char>(c))) {
            case NameByte::underscore: underscore_ = true; break;
            case NameByte::token: odd_name_ = true; break;
            case NameByte::other: broken_name_ = true; break;
            default:
                return fail(position_, c == ' ' || c == '\t'
                                           ? "client sent header line with space before colon"
                                           : "client sent invalid header line");
        }
        ++position_;
    }
}

FieldParser::Step FieldParser::end_of_name(const FieldList& fields) {
    if (position_ == line_start_) return fail(position_, "client sent header line with empty name");
    if ((broken_name_ && !options_.ignore_invalid) ||
        (underscore_ && options_.underscores == Underscores::reject)) {
        return fail(position_, "client sent invalid header name");
    }
    if (fields.size() + dropped_ >= std::min<std::size_t>(options_.max_fields, FieldList::kMax)) {
        return fail(position_, "client sent too many header lines", 431);
    }
    name_end_ = position_++;
    state_ = State::value_start;
    return Step::next;
}

FieldParser::Step FieldParser::before_value(std::string_view buffer) {
    while (position_ < buffer.size() && ascii::is_blank(buffer[position_])) ++position_;
    if (position_ == buffer.size()) return need_more(buffer);
    value_start_ = position_;
    state_ = State::value;
    return Step::next;
}

FieldParser::Step FieldParser::in_value(std::string_view buffer, FieldList& fields) {
    position_ = find_first<ValueEnd>(buffer, position_);
    if (position_ == buffer.size()) return need_more(buffer);
    std::size_t next_line = 0;
    switch (line_end(buffer, position_, next_line)) {
        case Step::more: return need_more(buffer);
        case Step::error: return Step::error;
        case Step::done: return fail(position_, "client sent header line with control character");
        case Step::next: break;
    }
    if (over_limit(next_line - 1)) return Step::error;
    end_of_line(buffer, next_line, fields);
    return Step::next;
}

void FieldParser::end_of_line(std::string_view buffer, std::size_t next_line, FieldList& fields) {
    const bool odd = odd_name_ || (underscore_ && options_.underscores == Underscores::drop);
    if (broken_name_ || (odd && options_.ignore_invalid)) {
        ++dropped_;
    } else {
        std::size_t value_end = position_;
        while (value_end > value_start_ && ascii::is_blank(buffer[value_end - 1])) --value_end;
        const Slice name = slice(line_start_, name_end_);
        fields.add({name, slice(value_start_, value_end), known_header(name.in(buffer))});
    }
    odd_name_ = broken_name_ = underscore_ = false;
    position_ = line_start_ = next_line;
    state_ = State::line;
}

FieldParser::Step FieldParser::need_more(std::string_view buffer) {
    return buffer.size() > line_start_ && over_limit(buffer.size() - 1) ? Step::error : Step::more;
}

// A byte beyond a limit is refused for that, whatever it is: so the verdict is the same for every split.
bool FieldParser::over_limit(std::size_t at) {
    const std::size_t line_limit = line_start_ + options_.max_line;
    const std::size_t head_limit = head_start_ + options_.max_head;
    if (at < std::min(line_limit, head_limit)) return false;
    const std::string_view words =
        line_limit <= head_limit ? "client sent too long header line" : "client sent too large request";
    refusal_ = {431, words};
    return true;
}

FieldParser::Step FieldParser::fail(std::size_t at, std::string_view words, int status) {
    if (!over_limit(at)) refusal_ = {status, words};
    return Step::error;
}

}  // namespace berth::http

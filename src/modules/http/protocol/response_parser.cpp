// Reads an HTTP/1 response head: the status line here, the field lines by FieldParser.
#include "modules/http/protocol/response_parser.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "modules/http/protocol/scan.hpp"
#include "modules/http/protocol/status.hpp"

namespace berth::http {

void ResponseParser::reset() noexcept {
    state_ = State::status_line;
    position_ = 0;
    refusal_ = {};
    head_.status = 0;
    head_.line = head_.reason = {};
    head_.fields.clear();
    head_.dropped_fields = 0;
}

ResponseParser::Status ResponseParser::feed(std::string_view buffer) {
    if (refusal_) return Status::error;
    if (state_ == State::status_line) {
        const Status status = read_status_line(buffer);
        if (status != Status::done) return status;
    }
    if (state_ == State::done) return Status::done;
    const FieldParser::Status status = parser_.feed(buffer, head_.fields);
    head_.dropped_fields = parser_.dropped();
    if (status == FieldParser::Status::more) return Status::more;
    if (status == FieldParser::Status::error) return fail("upstream sent invalid header");
    position_ = parser_.position();
    state_ = State::done;
    return Status::done;
}

ResponseParser::Status ResponseParser::read_status_line(std::string_view buffer) {
    position_ = find_first<ValueEnd>(buffer, position_);
    if (position_ >= std::min(options_.max_line, options_.max_head))
        return fail("upstream sent too long status line");
    if (position_ == buffer.size()) return Status::more;
    const bool has_cr = buffer[position_] == '\r';
    if (has_cr && position_ + 1 == buffer.size()) return Status::more;
    const std::size_t line_feed = has_cr ? position_ + 1 : position_;
    if (buffer[line_feed] != '\n' || (!has_cr && !options_.bare_lf))
        return fail("upstream sent invalid status line");
    if (!read_status(buffer.substr(0, position_))) return fail("upstream sent invalid status line");
    parser_.start(line_feed + 1, 0);
    state_ = State::fields;
    return Status::done;
}

// "HTTP/1.1 200[ reason]".
bool ResponseParser::read_status(std::string_view line) {
    constexpr std::string_view version = "HTTP/1.";
    constexpr std::size_t before_reason = 12;
    if (line.size() < before_reason || !line.starts_with(version)) return false;
    if (!ascii::is_digit(line[7]) || line[8] != ' ') return false;
    int status = 0;
    for (const char c : line.substr(9, 3)) {
        if (!ascii::is_digit(c)) return false;
        status = status * 10 + (c - '0');
    }
    if (status < 100) return false;
    if (line.size() > before_reason && line[before_reason] != ' ') return false;
    head_.minor_version = static_cast<std::uint8_t>(line[7] - '0');
    head_.status = status;
    head_.line = {0, static_cast<std::uint32_t>(line.size())};
    const std::size_t reason = line.size() > before_reason ? before_reason + 1 : before_reason;
    head_.reason = {static_cast<std::uint32_t>(reason), static_cast<std::uint32_t>(line.size() - reason)};
    return true;
}

ResponseParser::Status ResponseParser::fail(std::string_view words) {
    refusal_ = {502, words};
    return Status::error;
}

namespace {

ResponseFraming refuse(std::string_view words) noexcept {
    return {ResponseFraming::Kind::error, 0, {502, words}};
}

}  // namespace

ResponseFraming response_framing(const ResponseHead& head, std::string_view buffer,
                                 Method request_method) noexcept {
    using Kind = ResponseFraming::Kind;
    const FieldList& fields = head.fields;
    const bool coded = fields.has(KnownHeader::transfer_encoding);
    const bool sized = fields.has(KnownHeader::content_length);
    if (coded && sized)
        return refuse("upstream sent \"Content-Length\" and \"Transfer-Encoding\" at the same time");
    if (fields.repeated(KnownHeader::content_length))
        return refuse("upstream sent duplicate \"Content-Length\"");
    std::uint64_t length = 0;
    if (sized && !parse_content_length(fields.value(KnownHeader::content_length, buffer), length)) {
        return refuse("upstream sent invalid \"Content-Length\"");
    }
    if (coded) {
        const bool sole = !fields.repeated(KnownHeader::transfer_encoding) &&
                          ascii::iequals(fields.value(KnownHeader::transfer_encoding, buffer), "chunked");
        if (!sole || head.minor_version == 0) return refuse("upstream sent unknown \"Transfer-Encoding\"");
    }
    if (request_method == Method::head || never_has_body(head.status)) return {};
    if (coded) return {Kind::chunked, 0, {}};
    return sized ? ResponseFraming{Kind::content_length, length, {}}
                 : ResponseFraming{Kind::until_close, 0, {}};
}

bool keep_alive(const ResponseHead& head, std::string_view buffer) noexcept {
    if (lists_token(head.fields, buffer, KnownHeader::connection, "close")) return false;
    return head.minor_version > 0 || lists_token(head.fields, buffer, KnownHeader::connection, "keep-alive");
}

}  // namespace berth::http

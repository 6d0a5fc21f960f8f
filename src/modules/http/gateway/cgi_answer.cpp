// How a CGI program's answer is read.
#include "modules/http/gateway/cgi_answer.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "modules/http/protocol/status.hpp"

namespace berth::http {

namespace {

constexpr int kOk = 200;
constexpr int kFound = 302;
constexpr std::string_view kHttp = "HTTP/";
constexpr std::string_view kStatus = "Status";
constexpr std::size_t kStatusDigits = 3;

}  // namespace

CgiAnswer::CgiAnswer(StatusLine status_line) noexcept
    : status_line_(status_line), parser_(kAnswerHead), line_parser_(kAnswerHead) {}

void CgiAnswer::begin(bool bodiless) noexcept {
    form_ = status_line_ == StatusLine::allowed ? Form::unknown : Form::fields;
    parser_.start(0, 0);
    fields_.clear();
    line_parser_.reset();
    head_ = AnswerHead();
    left_ = 0;
    bodiless_ = bodiless;
    overflowed_ = false;
}

CgiAnswer::Form CgiAnswer::form_of(std::string_view bytes) const noexcept {
    if (form_ != Form::unknown) return form_;
    const std::size_t size = std::min(bytes.size(), kHttp.size());
    if (bytes.substr(0, size) != kHttp.substr(0, size)) return Form::fields;
    return size == kHttp.size() ? Form::line : Form::unknown;
}

HeadStep CgiAnswer::read_head(std::string_view bytes) {
    form_ = form_of(bytes);
    if (form_ == Form::unknown) return {};
    if (form_ == Form::fields) {
        switch (parser_.feed(bytes, fields_)) {
            case FieldParser::Status::more: return {};
            case FieldParser::Status::error:
                return {HeadStep::Kind::error, 0, "upstream sent invalid header"};
            case FieldParser::Status::done: break;
        }
        return finish(fields_, bytes.substr(0, parser_.position()));
    }
    switch (line_parser_.feed(bytes)) {
        case ResponseParser::Status::more: return {};
        case ResponseParser::Status::error: return {HeadStep::Kind::error, 0, line_parser_.refusal().words};
        case ResponseParser::Status::done: break;
    }
    head_.status = line_parser_.head().status;
    head_.reason = line_parser_.head().reason.in(bytes);
    return finish(line_parser_.head().fields, bytes.substr(0, line_parser_.consumed()));
}

// "404 Not Found". Empty, or what is wrong with it.
std::string_view CgiAnswer::read_status(const FieldList& fields, std::string_view bytes) {
    const HeaderField* status = nullptr;
    for (const HeaderField& field : fields) {
        if (field.id != KnownHeader::unknown || !ascii::iequals(field.name.in(bytes), kStatus)) continue;
        if (status != nullptr) return "upstream sent duplicate \"Status\"";
        status = &field;
    }
    if (status == nullptr) {
        head_.status = fields.has(KnownHeader::location) ? kFound : kOk;
        return {};
    }
    const std::string_view value = status->value.in(bytes);
    const auto number = parse_unsigned(value.substr(0, kStatusDigits));
    if (!number || value.size() < kStatusDigits ||
        (value.size() > kStatusDigits && value[kStatusDigits] != ' ')) {
        return "upstream sent invalid \"Status\"";
    }
    head_.status = static_cast<int>(*number);
    if (value.size() > kStatusDigits) head_.reason = ascii::trim(value.substr(kStatusDigits));
    return {};
}

HeadStep CgiAnswer::finish(const FieldList& fields, std::string_view bytes) {
    const auto error = [](std::string_view words) { return HeadStep{HeadStep::Kind::error, 0, words}; };
    if (form_ == Form::fields) {
        if (fields.empty()) return error("upstream sent no header");
        const std::string_view words = read_status(fields, bytes);
        if (!words.empty()) return error(words);
    }
    if (head_.status < kOk) return error("upstream sent an interim status where none can be");
    if (fields.repeated(KnownHeader::content_length))
        return error("upstream sent duplicate \"Content-Length\"");
    std::uint64_t length = 0;
    if (fields.has(KnownHeader::content_length)) {
        if (!parse_content_length(fields.value(KnownHeader::content_length, bytes), length))
            return error("upstream sent invalid \"Content-Length\"");
        head_.length = length;
    }
    left_ = length;
    bodiless_ = bodiless_ || never_has_body(head_.status);
    head_.fields = &fields;
    head_.bytes = bytes;
    return {HeadStep::Kind::done, bytes.size(), {}};
}

std::string_view CgiAnswer::take(std::string_view bytes) noexcept {
    if (bodiless_) return {};
    if (!head_.length) return bytes;
    overflowed_ = overflowed_ || bytes.size() > left_;
    bytes = bytes.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size())));
    left_ -= bytes.size();
    return bytes;
}

BodyStep read_plain_body(CgiAnswer& answer, std::string_view bytes) {
    if (answer.full()) return {BodyStep::Kind::done, 0, {}, {}};
    if (bytes.empty()) return {};
    const std::string_view data = answer.take(bytes);
    return {BodyStep::Kind::data, data.size(), data, {}};
}

}  // namespace berth::http

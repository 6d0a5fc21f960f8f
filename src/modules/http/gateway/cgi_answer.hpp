// CgiAnswer: what a CGI program answers (RFC 3875 6), without the framing of the protocol that carries it.
#pragma once

#include <cstdint>
#include <string_view>

#include "modules/http/protocol/field_parser.hpp"
#include "modules/http/protocol/response_parser.hpp"
#include "modules/http/upstream/protocol.hpp"

namespace berth::http {

// The head is fields, "Status: 404 Not Found" among them; without it, it is 302 when there is a Location,
// else 200. Where the protocol allows it, a status line as in HTTP/1 may stand before them instead. Strict: a
// status that is not three digits from 200 on, a second Status, a second or invalid Content-Length, a head
// without any field, and whatever FieldParser refuses, are errors. Transfer-Encoding means nothing here.
class CgiAnswer {
 public:
    enum class StatusLine : bool { refused, allowed };

    explicit CgiAnswer(StatusLine status_line) noexcept;

    // A new attempt. `bodiless`: the request is one whose answer has no body (HEAD).
    void begin(bool bodiless) noexcept;
    // As UpstreamProtocol::read_head: `bytes` are all since the first byte of the head, and stay where they
    // are after done.
    HeadStep read_head(std::string_view bytes);
    // After done.
    const AnswerHead& head() const noexcept { return head_; }

    // The part of these bytes behind the head that is body: all of it, unless it goes beyond a
    // Content-Length or there is none.
    std::string_view take(std::string_view bytes) noexcept;
    // Whether nothing of the body can be missing any more.
    bool full() const noexcept { return bodiless_ || (head_.length && left_ == 0); }
    // Whether a part is missing when there is no more.
    bool is_short() const noexcept { return !bodiless_ && head_.length && left_ > 0; }
    // Bytes came that were not part of the body.
    bool overflowed() const noexcept { return overflowed_; }

 private:
    enum class Form : std::uint8_t { unknown, fields, line };

    Form form_of(std::string_view bytes) const noexcept;
    HeadStep finish(const FieldList& fields, std::string_view bytes);
    std::string_view read_status(const FieldList& fields, std::string_view bytes);

    StatusLine status_line_;
    Form form_ = Form::unknown;
    FieldParser parser_;
    FieldList fields_;
    ResponseParser line_parser_;
    AnswerHead head_;
    std::uint64_t left_ = 0;  // of a Content-Length
    bool bodiless_ = false;
    bool overflowed_ = false;
};

// The body of an answer that ends with its Content-Length or with the connection (SCGI, uwsgi).
BodyStep read_plain_body(CgiAnswer& answer, std::string_view bytes);

}  // namespace berth::http

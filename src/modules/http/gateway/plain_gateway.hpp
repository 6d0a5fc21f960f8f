// PlainGateway: what SCGI and uwsgi share: the body goes as it is, and the answer ends with the connection.
#pragma once

#include "modules/http/gateway/cgi_answer.hpp"
#include "modules/http/gateway/params.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

// A protocol adds how its parameters are written. The request outlives it.
class PlainGateway : public UpstreamProtocol {
 public:
    explicit PlainGateway(Request& request) : request_(request), answer_(CgiAnswer::StatusLine::allowed) {}

    void frame_body(Request& request, std::string_view piece, Chain& out) override {
        if (!piece.empty()) out.append_text(request.arena(), piece);
    }
    bool can_stream(const Request& request) const override { return knows_length(request); }
    void begin() override { answer_.begin(request_.is_head()); }
    HeadStep read_head(Request&, std::string_view bytes) override { return answer_.read_head(bytes); }
    const AnswerHead& head() const override { return answer_.head(); }
    BodyStep read_body(std::string_view bytes) override { return read_plain_body(answer_, bytes); }
    bool complete_at_end() const override { return !answer_.is_short(); }
    bool reusable() const override { return false; }  // its end is the end of the connection

 private:
    Request& request_;
    CgiAnswer answer_;
};

}  // namespace berth::http

// FastcgiRequest: a request as a FastCGI application gets it, and its answer as records.
#pragma once

#include <string>

#include "modules/http/fastcgi/conf.hpp"
#include "modules/http/fastcgi/records.hpp"
#include "modules/http/gateway/cgi_answer.hpp"

namespace berth::http {

class FastcgiRequest final : public UpstreamProtocol {
 public:
    FastcgiRequest(Request& request, const FastcgiConf& conf);

    bool write_request(Request& request, SentBody body, Chain& out) override;
    void frame_body(Request& request, std::string_view piece, Chain& out) override;
    bool can_stream(const Request& request) const override;
    void begin() override;
    HeadStep read_head(Request& request, std::string_view bytes) override;
    const AnswerHead& head() const override { return answer_.head(); }
    BodyStep read_body(std::string_view bytes) override;
    bool complete_at_end() const override { return records_.output_ended() && !answer_.is_short(); }
    bool reusable() const override { return *conf_.keep_conn; }

 private:
    bool take_message(const FastcgiRecords::Step& step, std::string_view doing);
    void log_message(std::string_view doing);
    BodyStep finish(std::size_t consumed);

    Request& request_;
    const FastcgiConf& conf_;
    FastcgiRecords records_;
    CgiAnswer answer_;
    std::string text_;     // the head, without the records around it
    std::string message_;  // what the application said and was not logged yet
};

}  // namespace berth::http

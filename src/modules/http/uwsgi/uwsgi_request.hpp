// UwsgiRequest: a request as a uwsgi application gets it: one packet of variables, then the body.
#pragma once

#include <string>

#include "modules/http/gateway/cgi_answer.hpp"
#include "modules/http/gateway/conf.hpp"

namespace berth::http {

// What uwsgi_pass and the directives beside it say in a location.
struct UwsgiConf : GatewayConf {
    static constexpr GatewayName kName{"uwsgi", "uwsgi://", 3031};

    Setting<std::uint8_t> modifier1{0};
    Setting<std::uint8_t> modifier2{0};

    void finish(Loader& loader);
};

// Appends name and value, each with its length in two bytes, the lower one first; false when one of them is
// longer than that can say.
bool append_uwsgi_param(std::string& out, std::string_view name, std::string_view value);

class UwsgiRequest final : public UpstreamProtocol {
 public:
    UwsgiRequest(Request& request, const UwsgiConf& conf);

    bool write_request(Request& request, SentBody body, Chain& out) override;
    void frame_body(Request& request, std::string_view piece, Chain& out) override;
    bool can_stream(const Request& request) const override;
    void begin() override { answer_.begin(request_.is_head()); }
    HeadStep read_head(Request&, std::string_view bytes) override { return answer_.read_head(bytes); }
    const AnswerHead& head() const override { return answer_.head(); }
    BodyStep read_body(std::string_view bytes) override { return read_plain_body(answer_, bytes); }
    bool complete_at_end() const override { return !answer_.is_short(); }
    bool reusable() const override { return false; }  // its end is the end of the connection

 private:
    Request& request_;
    const UwsgiConf& conf_;
    CgiAnswer answer_;
};

}  // namespace berth::http

// ScgiRequest: a request as an SCGI application gets it: parameters in a netstring, then the body.
#pragma once

#include <string>

#include "modules/http/gateway/cgi_answer.hpp"
#include "modules/http/gateway/conf.hpp"

namespace berth::http {

// What scgi_pass and the directives beside it say in a location.
struct ScgiConf : GatewayConf {
    static constexpr GatewayName kName{"scgi", "scgi://", 4000};

    void finish(Loader& loader);
};

// Appends NAME NUL VALUE NUL; false when there is a NUL in either.
bool append_scgi_param(std::string& out, std::string_view name, std::string_view value);

class ScgiRequest final : public UpstreamProtocol {
 public:
    ScgiRequest(Request& request, const ScgiConf& conf);

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
    const ScgiConf& conf_;
    CgiAnswer answer_;
};

}  // namespace berth::http

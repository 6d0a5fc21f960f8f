// ScgiRequest: a request as an SCGI application gets it: parameters in a netstring, then the body.
#pragma once

#include <string>

#include "modules/http/gateway/conf.hpp"
#include "modules/http/gateway/plain_gateway.hpp"

namespace berth::http {

// What scgi_pass and the directives beside it say in a location.
struct ScgiConf : GatewayConf {
    static constexpr GatewayName kName{"scgi", "scgi://", 4000};

    void finish(Loader& loader);
};

// Appends NAME NUL VALUE NUL; false when there is a NUL in either.
bool append_scgi_param(std::string& out, std::string_view name, std::string_view value);

class ScgiRequest final : public PlainGateway {
 public:
    ScgiRequest(Request& request, const ScgiConf& conf) : PlainGateway(request), conf_(conf) {}

    bool write_request(Request& request, SentBody body, Chain& out) override;

 private:
    const ScgiConf& conf_;
};

}  // namespace berth::http

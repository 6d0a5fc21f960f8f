// UwsgiRequest: a request as a uwsgi application gets it: one packet of variables, then the body.
#pragma once

#include <string>

#include "modules/http/gateway/conf.hpp"
#include "modules/http/gateway/plain_gateway.hpp"

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

class UwsgiRequest final : public PlainGateway {
 public:
    UwsgiRequest(Request& request, const UwsgiConf& conf) : PlainGateway(request), conf_(conf) {}

    bool write_request(Request& request, SentBody body, Chain& out) override;

 private:
    const UwsgiConf& conf_;
};

}  // namespace berth::http

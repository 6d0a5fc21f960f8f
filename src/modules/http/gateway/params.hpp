// A request as parameters (RFC 3875 4.1), the way FastCGI, SCGI and uwsgi hand it to a program.
#pragma once

#include <string>
#include <string_view>

#include "modules/http/gateway/conf.hpp"
#include "modules/http/upstream/protocol.hpp"

namespace berth::http {

// Appends one parameter as the protocol writes it; false when it has no form there.
using WriteParam = bool (*)(std::string& out, std::string_view name, std::string_view value);

// All parameters of a request: CONTENT_LENGTH first, which is that of the body as it is sent, whatever was
// configured (`no_body` when there is none); then the configured ones; then the client's fields as HTTP_NAME.
// Not passed on are fields that belong to the connection (RFC 9110 7.6.1), Expect, which was dealt with here,
// and Proxy, which would become HTTP_PROXY and choose the proxy of the program's own requests
// (CVE-2016-5385). Fields of one name are joined; one whose name differs from another's only in _ for - is
// left out. False when a parameter cannot be written; that is logged.
bool write_params(Request& request, const GatewayConf& conf, SentBody body, std::string_view no_body,
                  WriteParam write, std::string& out);

// Whether a body can be passed on as it comes: its length stands before it.
bool knows_length(const Request& request);

}  // namespace berth::http

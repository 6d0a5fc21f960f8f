// How a request becomes a netstring.
#include "modules/http/scgi/scgi_request.hpp"

#include "modules/http/gateway/params.hpp"

namespace berth::http {

void ScgiConf::finish(Loader& loader) {
    finish_gateway(loader, kName);
    hide_status();
}

bool append_scgi_param(std::string& out, std::string_view name, std::string_view value) {
    if (name.find('\0') != name.npos || value.find('\0') != value.npos) return false;
    out.append(name).append(1, '\0').append(value).append(1, '\0');
    return true;
}

// CONTENT_LENGTH is first, and SCGI 1 is among them.
bool ScgiRequest::write_request(Request& request, SentBody body, Chain& out) {
    std::string params;
    if (!write_params(request, conf_, body, "0", append_scgi_param, params)) return false;
    if (!conf_.sets_param("SCGI")) append_scgi_param(params, "SCGI", "1");
    out.append_copy(request.arena(), std::to_string(params.size()) + ':' + params + ',');
    if (body == SentBody::complete) out.append_chain(request.body().chain(request));
    return true;
}

}  // namespace berth::http

// How a request becomes a uwsgi packet.
#include "modules/http/uwsgi/uwsgi_request.hpp"

#include "modules/http/gateway/params.hpp"

namespace berth::http {

namespace {

constexpr std::size_t kMost = 65535;  // of a name, a value, and all of them

void append_size(std::string& out, std::size_t size) {
    out += static_cast<char>(size & 0xff);
    out += static_cast<char>(size >> 8);
}

}  // namespace

void UwsgiConf::finish(Loader& loader) {
    finish_gateway(loader, kName);
    hide_status();
}

bool append_uwsgi_param(std::string& out, std::string_view name, std::string_view value) {
    if (name.size() > kMost || value.size() > kMost) return false;
    append_size(out, name.size());
    out += name;
    append_size(out, value.size());
    out += value;
    return true;
}

bool UwsgiRequest::write_request(Request& request, SentBody body, Chain& out) {
    std::string params;
    if (!write_params(request, conf_, body, {}, append_uwsgi_param, params)) return false;
    if (params.size() > kMost) {
        request.log_at(LogLevel::error, "a uwsgi request has room for {} bytes of parameters, not for {}",
                       kMost, params.size());
        return false;
    }
    std::string head(1, static_cast<char>(*conf_.modifier1));
    append_size(head, params.size());
    head += static_cast<char>(*conf_.modifier2);
    out.append_copy(request.arena(), head + params);
    if (body == SentBody::complete) out.append_chain(request.body().chain(request));
    return true;
}

}  // namespace berth::http

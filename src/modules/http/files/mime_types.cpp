// The types that are known without a types{} block.
#include "modules/http/files/mime_types.hpp"

#include "modules/http/protocol/uri.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

std::shared_ptr<const TypeMap> MimeConf::builtin() {
    static const std::shared_ptr<const TypeMap> map = [] {
        auto types = std::make_shared<TypeMap>();
        types->insert("html", "text/html");
        types->insert("gif", "image/gif");
        types->insert("jpeg", "image/jpeg");
        return types;
    }();
    return map;
}

std::string_view content_type_of(const Request& request) {
    if (!request.out().content_type.empty()) return request.out().content_type;
    return request.conf<MimeConf>().type_of(path_extension(request.uri()));
}

}  // namespace berth::http

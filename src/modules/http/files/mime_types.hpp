// MimeTypes: which media type a file name's extension means.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/config/setting.hpp"
#include "core/text/string_map.hpp"

namespace berth::http {

class Request;

using TypeMap = StringMap<std::string>;  // extension to type

// location{}-level.
struct MimeConf {
    // `types {}`: the map of the innermost block that has one, shared with the blocks inside it.
    Setting<std::shared_ptr<const TypeMap>> types{builtin()};
    Setting<std::string> default_type{std::string("text/plain")};

    std::string_view type_of(std::string_view extension) const {
        const std::string* found = types.value()->find(extension);
        return found != nullptr ? std::string_view(*found) : std::string_view(default_type.value());
    }

 private:
    static std::shared_ptr<const TypeMap> builtin();
};

// The type for the request's URI, unless a backend has said it (Response::content_type).
std::string_view content_type_of(const Request& request);

}  // namespace berth::http

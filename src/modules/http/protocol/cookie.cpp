// Looking up one cookie (RFC 6265 5.4: "a=b; c=d").
#include "modules/http/protocol/cookie.hpp"

#include <algorithm>

#include "core/text/ascii.hpp"

namespace berth::http {

std::optional<std::string_view> find_cookie(std::string_view cookies, std::string_view name) noexcept {
    while (!cookies.empty() && !name.empty()) {
        const std::size_t end = std::min(cookies.find(';'), cookies.size());
        const std::string_view pair = cookies.substr(0, end);
        const std::size_t equals = pair.find('=');
        if (equals != pair.npos && ascii::iequals(ascii::trim(pair.substr(0, equals)), name)) {
            return ascii::trim(pair.substr(equals + 1));
        }
        cookies.remove_prefix(std::min(end + 1, cookies.size()));
    }
    return std::nullopt;
}

std::optional<std::string_view> find_cookie(const FieldList& fields, std::string_view buffer,
                                            std::string_view name) noexcept {
    const HeaderField* field = fields.find(KnownHeader::cookie);
    if (field == nullptr) return std::nullopt;
    for (; field != fields.end(); ++field) {
        if (field->id != KnownHeader::cookie) continue;
        if (const auto value = find_cookie(field->value.in(buffer), name)) return value;
    }
    return std::nullopt;
}

}  // namespace berth::http

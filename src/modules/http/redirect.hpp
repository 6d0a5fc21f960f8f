// Redirects that the server makes itself.
#pragma once

#include <string_view>

#include "core/text/join.hpp"
#include "modules/http/verdict.hpp"

namespace berth::http {

class Request;

// Answers with a Location field, by way of an error_page for this status. A path ("/x/?a=1") becomes an
// absolute URL unless `absolute_redirect off`; anything else is taken as it is. Control bytes are
// percent-encoded.
Verdict redirect_to(Request& request, int status, std::string_view location);

// The Location as redirect_to() would write it.
std::string_view absolute_location(Request& request, std::string_view location);

// `path` with the request's arguments behind it.
std::string_view with_args(Request& request, std::string_view path);

// Whether a status is one of those that redirect: 301, 302, 303, 307, 308.
constexpr bool is_redirect(int status) noexcept {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace berth::http

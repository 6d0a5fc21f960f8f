// Named groups of regular expressions: "(?<user>…)" sets $user for the rest of the request.
#pragma once

#include <string_view>
#include <vector>

#include "core/regex/regex.hpp"

namespace berth {
class Loader;
}

namespace berth::http {

class Request;

// Defines the variables of the named groups; the result has, by group, the variable's index or -1.
std::vector<int> capture_variables(const Regex& regex, Loader& loader);

// Matches; on success the groups become $1…, and named ones their variables. The subject must live as long as
// the request. A match that hits the limits is logged and counts as none.
bool match_and_capture(const Regex& regex, const std::vector<int>& variables, Request& request,
                       std::string_view subject);

}  // namespace berth::http

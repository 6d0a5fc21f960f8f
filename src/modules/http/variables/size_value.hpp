// Sizes that may be variables: "100k", "$rate".
#pragma once

#include <cstdint>
#include <string_view>

#include "core/value/value.hpp"

namespace berth {
class Loader;
}

namespace berth::http {

class Request;

// What is written out is checked at once; what comes of variables is checked when it is known.
void check_size(Loader& loader, const Value& value, std::string_view directive);
// In bytes. An empty text is 0; so is one that is no size, which is logged.
std::uint64_t size_of(Request& request, const Value& value);

}  // namespace berth::http

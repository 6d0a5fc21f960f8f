// Sizes that may be variables: "100k", "$rate".
#pragma once

#include <cstdint>
#include <string_view>

#include "core/config/setting.hpp"
#include "core/config/tree.hpp"
#include "core/value/value.hpp"

namespace berth {
class Loader;
}

namespace berth::http {

class Request;

// For rows::custom. What is written out is checked at once; what comes of variables, when it is known.
void take_size(Loader& loader, const Node& node, Setting<Value>& setting);
// In bytes. An empty text is 0; so is one that is no size, which is logged.
std::uint64_t size_of(Request& request, const Value& value);

}  // namespace berth::http

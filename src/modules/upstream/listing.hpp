// What `./server upstream list` shows.
#pragma once

#include <string>

namespace berth::upstream {

class Upstream;
class Upstreams;

// Of all upstreams, or of one.
std::string list_as_table(const Upstreams& upstreams, const Upstream* only);
// As the status has them.
std::string list_as_json(const Upstreams& upstreams, const Upstream* only);

}  // namespace berth::upstream

// server_name: the names of a server.
#pragma once

#include "core/config/loader.hpp"

namespace berth::http {

void take_server_name(Loader& loader, const Node& node);

}  // namespace berth::http

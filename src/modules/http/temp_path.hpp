// The arguments of client_body_temp_path, proxy_temp_path and their like.
#pragma once

#include <string>

#include "core/config/loader.hpp"
#include "core/config/setting.hpp"

namespace berth::http {

// PATH [LEVEL…]: temporary files have no names, or one nobody looks for, so levels of subfolders are accepted
// and not needed.
void take_temp_path(Loader& loader, const Node& node, Setting<std::string>& setting);

}  // namespace berth::http

// FastcgiConf: what fastcgi_pass and the directives beside it say in a location.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/regex/regex.hpp"
#include "modules/http/gateway/conf.hpp"

namespace berth::http {

struct FastcgiConf : GatewayConf {
    static constexpr GatewayName kName{"fastcgi", "fastcgi://", 9000};

    Setting<std::string> index;
    Setting<std::shared_ptr<const Regex>> split_path_info;
    Setting<std::vector<std::string>> catch_stderr;
    Setting<bool> keep_conn{false};

    void finish(Loader& loader);
};

void take_split_path_info(Loader& loader, const Node& node, Setting<std::shared_ptr<const Regex>>& setting);

// $fastcgi_script_name and $fastcgi_path_info: the two parts of the path.
struct FastcgiPath {
    std::string_view script;  // with fastcgi_index behind a slash
    std::string_view info;
};
FastcgiPath fastcgi_path(Request& request, const FastcgiConf& conf);

}  // namespace berth::http

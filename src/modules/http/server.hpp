// Server: one server{} block: its names, its locations, its settings.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/conf.hpp"
#include "core/config/tree.hpp"
#include "core/regex/regex.hpp"
#include "core/text/name_map.hpp"
#include "modules/http/location.hpp"

namespace berth::http {

// A name of a server as `server_name` gave it.
struct ServerName {
    std::string text;  // lower case; of a regular expression without the ~
    bool is_regex = false;
    Origin at;
};

// Owned by the cycle's arena.
struct Server {
    ConfSet settings{Level::server};
    Location root;  // of its location-level settings, and the locations inside it
    std::vector<ServerName> names;
    Origin at;
    bool listens = false;

    // $server_name: the first name.
    std::string_view name() const noexcept { return names.empty() ? std::string_view() : names.front().text; }
};

}  // namespace berth::http

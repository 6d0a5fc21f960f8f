// The blocks of http{} while they are being read: which server and location a directive stands in.
#pragma once

#include "core/config/loader.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/listen.hpp"
#include "modules/http/location.hpp"
#include "modules/http/server.hpp"

namespace berth::http {

// http{} being read.
struct HttpBlock {
    HttpConf* conf = nullptr;
    std::vector<ListenRequest> listens;
};

HttpBlock& current_http(Loader& loader);
// Only inside server{}.
Server& current_server(Loader& loader);
// The location the directive stands in; the server's root when it stands directly in server{}; null in
// http{}.
Location* current_location(Loader& loader);

// Reads the node's block as a location inside the current one (`location`, `if`, `limit_except`), and adds it
// to the current one's children. The caller says how a request gets there.
Location& read_inner_location(Loader& loader, const Node& node, Context context, Location::Kind kind);

// The rows' functions.
void open_http(Loader& loader, const Node& node);
void open_server(Loader& loader, const Node& node);
void open_location(Loader& loader, const Node& node);
void open_limit_except(Loader& loader, const Node& node);

}  // namespace berth::http

// listen: the addresses servers are reached at, and the sockets that come of them.
#pragma once

#include <vector>

#include "core/config/loader.hpp"
#include "event/listener.hpp"

namespace berth::http {

struct HttpBlock;
struct Server;

// One `listen` of one server.
struct ListenRequest {
    Address address;
    ListenOptions options;
    bool has_options = false;  // says something about the socket itself
    bool default_server = false;
    Server* server = nullptr;
    Origin at;
    bool datagrams = false;  // udp or quic
};

// Reads the arguments of `listen`, and adds what it asks for: several for a range of ports. Problems are
// reported.
void read_listen(Loader& loader, const Node& node, Server& server, std::vector<ListenRequest>& into);

// "*:80", or "*:8000" when not started by root: what a server without `listen` gets.
Address default_address();

// Turns what the servers asked for into the cycle's listening sockets and their tables of names.
void make_sockets(Loader& loader, HttpBlock& http);

}  // namespace berth::http

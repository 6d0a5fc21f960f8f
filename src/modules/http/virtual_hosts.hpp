// VirtualHosts: which server a request is for, by the address it came to and the name it asks for.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "core/net/address.hpp"
#include "core/text/name_map.hpp"
#include "modules/http/server.hpp"
#include "modules/shared/pattern.hpp"

namespace berth {
class Connection;
class Cycle;
class Loader;
}  // namespace berth

namespace berth::http {

struct HttpConf;
class Request;

// The servers of one `listen` address: by name, and the default one. Precedence of names as nginx's: exact,
// longest leading wildcard, longest trailing wildcard, first regular expression, default.
class AddressServers {
 public:
    // Reports names that two servers of the address share.
    void add(Server& server, bool is_default, Loader& loader);
    Server& default_server() const noexcept { return *default_; }
    bool has_default() const noexcept { return explicit_default_; }
    bool empty() const noexcept { return default_ == nullptr; }

    bool proxy_protocol = false;  // connections to this address begin with a PROXY header

    // The server for a host (lower case, no port). Captures of a regular expression go to the request.
    Server& find(Request& request, std::string_view host) const;

 private:
    struct RegexName {
        std::unique_ptr<Pattern> pattern;
        Server* server;
    };
    void add_name(const ServerName& name, Server& server, Loader& loader);

    Server* default_ = nullptr;
    bool explicit_default_ = false;
    NameMap<Server*> names_;
    std::vector<RegexName> regexes_;
};

// What one listening socket serves: the servers of its own address and, on a wildcard socket, those of
// particular addresses of the same port.
class VirtualHosts {
 public:
    struct Entry {
        Address address;
        std::unique_ptr<AddressServers> servers;
    };

    AddressServers& at(const Address& address);
    // A socket that is itself asked for by no server (it stands for narrower addresses) serves the first of
    // them.
    void complete();
    // For a new connection; asks for its local address only when that makes a difference.
    const AddressServers& for_connection(const Connection& connection) const;
    const std::vector<Entry>& entries() const noexcept { return entries_; }

    const HttpConf* http = nullptr;
    const Cycle* cycle = nullptr;

 private:
    std::vector<Entry> entries_;  // the socket's own address first
};

}  // namespace berth::http

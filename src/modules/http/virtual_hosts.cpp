// Lookup of servers by address and name.
#include "modules/http/virtual_hosts.hpp"

#include "core/config/loader.hpp"
#include "event/connection.hpp"
#include "modules/http/request.hpp"

namespace berth::http {

void AddressServers::add(Server& server, bool is_default, Loader& loader) {
    if (is_default) {
        if (explicit_default_) {
            loader.error(server.at, "a second default server for the same address",
                         "only one server of an address may say default_server");
        }
        explicit_default_ = true;
    }
    if (default_ == nullptr || is_default) default_ = &server;
    for (const ServerName& name : server.names) add_name(name, server, loader);
}

void AddressServers::add_name(const ServerName& name, Server& server, Loader& loader) {
    if (name.is_regex) {
        auto pattern = Pattern::compile(loader, name.text, name.at, {.ignore_case = true});
        if (pattern != nullptr) regexes_.push_back({std::move(pattern), &server});
        return;
    }
    if (!names_.insert(name.text, &server)) {
        loader.warning(name.at, "conflicting server name \"" + name.text + "\"",
                       "another server of the same address has it; this one is ignored");
    }
}

Server& AddressServers::find(Request& request, std::string_view host) const {
    if (Server* const* named = names_.find(host)) return **named;
    if (!host.empty()) {
        for (const RegexName& name : regexes_) {
            if (name.pattern->match(request, host)) return *name.server;
        }
    }
    return *default_;
}

AddressServers& VirtualHosts::at(const Address& address) {
    for (Entry& entry : entries_) {
        if (entry.address == address) return *entry.servers;
    }
    entries_.push_back({address, std::make_unique<AddressServers>()});
    return *entries_.back().servers;
}

void VirtualHosts::complete() {
    std::erase_if(entries_, [](const Entry& entry) { return entry.servers->empty(); });
}

const AddressServers& VirtualHosts::for_connection(const Connection& connection) const {
    if (entries_.size() == 1) return *entries_.front().servers;
    const Address& local = connection.local();
    for (std::size_t i = 1; i < entries_.size(); ++i) {
        if (entries_[i].address == local) return *entries_[i].servers;
    }
    return *entries_.front().servers;
}

}  // namespace berth::http

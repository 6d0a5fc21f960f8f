// Reading upstream{}.
#include "modules/upstream/upstream_rows.hpp"

#include <unistd.h>

#include <algorithm>
#include <span>

#include "core/config/include.hpp"
#include "core/config/loader.hpp"
#include "core/cycle.hpp"
#include "core/text/number.hpp"
#include "core/text/similar.hpp"
#include "modules/upstream/reading.hpp"
#include "modules/upstream/upstreams.hpp"

namespace berth::upstream {

namespace {

constexpr std::uint32_t kLargestWeight = 65535;
constexpr std::uint32_t kMostConnections = 1000000;
constexpr std::uint16_t kDefaultPort = 80;

void take_flag(bool& flag) { flag = true; }

using Read = void (*)(Loader&, const Option&, Server&);
struct Known {
    std::string_view name;
    bool takes_value;
    Read read;
};

void read_limit(Loader& loader, const Option& option, std::string_view directive, std::uint32_t& into,
                std::uint32_t lowest, std::uint32_t highest) {
    const auto value = parse_unsigned(option.value, highest);
    if (value && *value >= lowest) {
        into = static_cast<std::uint32_t>(*value);
        return;
    }
    invalid_option(loader, option, directive,
                   "a number from " + std::to_string(lowest) + " to " + std::to_string(highest));
}

constexpr Known kKnown[] = {
    {"weight", true,
     [](Loader& l, const Option& o, Server& s) {
         read_limit(l, o, "server", s.parameters.weight, 1, kLargestWeight);
     }},
    {"max_conns", true,
     [](Loader& l, const Option& o, Server& s) {
         read_limit(l, o, "server", s.parameters.max_conns, 0, kMostConnections);
     }},
    {"max_fails", true,
     [](Loader& l, const Option& o, Server& s) {
         read_limit(l, o, "server", s.parameters.max_fails, 0, kMostConnections);
     }},
    {"fail_timeout", true,
     [](Loader& l, const Option& o, Server& s) { read_time(l, o, "server", s.parameters.fail_timeout); }},
    {"slow_start", true,
     [](Loader& l, const Option& o, Server& s) { read_time(l, o, "server", s.parameters.slow_start); }},
    {"backup", false, [](Loader&, const Option&, Server& s) { take_flag(s.parameters.backup); }},
    {"down", false, [](Loader&, const Option&, Server& s) { take_flag(s.parameters.down); }},
    {"drain", false, [](Loader&, const Option&, Server& s) { take_flag(s.parameters.drain); }},
    {"route", true, [](Loader&, const Option& o, Server& s) { s.route = o.value; }},
    {"resolve", false, [](Loader&, const Option&, Server& s) { take_flag(s.resolve); }},
    {"service", true, [](Loader&, const Option& o, Server& s) { s.service = o.value; }},
};

void read_parameter(Loader& loader, const Word& word, Server& server) {
    const Option option = split_option(word);
    for (const Known& known : kKnown) {
        if (known.name != option.name) continue;
        if (known.takes_value == option.has_value) return known.read(loader, option, server);
        const std::string name(known.name);
        loader.error(word.at, "invalid server parameter \"" + word.text + "\"",
                     known.takes_value ? "it needs a value: " + name + "=…" : "it takes no value: " + name);
        return;
    }
    std::vector<std::string_view> names;
    for (const Known& known : kKnown) names.push_back(known.name);
    unknown_option(loader, option, "server", names);
}

void read_number(Loader& loader, const Node& node, std::uint64_t lowest, std::uint64_t highest,
                 std::uint64_t& into) {
    const auto value = parse_unsigned(node.args[0].text, highest);
    if (value && *value >= lowest) {
        into = *value;
        return;
    }
    loader.error(
        node.args[0].at, "invalid value \"" + node.args[0].text + "\" in \"" + node.name + "\"",
        "a number from " + std::to_string(lowest) + " to " + std::to_string(highest) + " is expected");
}

void read_duration(Loader& loader, const Node& node, Milliseconds& into) {
    if (const auto time = parse_duration(node.args[0].text)) {
        into = *time;
        return;
    }
    loader.error(node.args[0].at, "invalid value \"" + node.args[0].text + "\" in \"" + node.name + "\"",
                 "a time is expected: 75s, 1h");
}

// The service and its protocol before the name (RFC 2782); what has a dot is written out in full already.
std::string service_name(const std::string& service, const std::string& host) {
    if (service.find('.') != service.npos) return service + "." + host;
    return (service.starts_with('_') ? "" : "_") + service + "._tcp." + host;
}

// A server whose name is looked up while the server runs; an address needs no lookup.
void read_name(Loader& loader, const Node& node, Server& server) {
    const HostPort parts = split_host(server.name);
    if (!parts.valid || !is_host_name(parts.host)) {
        return loader.error(node.args[0].at, "\"" + server.name + "\" is no name that can be resolved",
                            "\"resolve\" needs HOST or HOST:PORT");
    }
    server.host = parts.host;
    server.port = parts.port.value_or(kDefaultPort);
    if (server.service.empty()) return;
    if (parts.port) {
        return loader.error(node.args[0].at, "a server with \"service\" may not have a port",
                            "its service records say the ports: write \"" + server.host + "\"");
    }
    server.host = service_name(server.service, server.host);
    if (!is_host_name(server.host)) {
        return loader.error(node.args[0].at, "\"" + server.host + "\" is no name that can be resolved",
                            "write the service as in: service=http");
    }
}

bool is_name(const std::string& text) {
    const Result<Address> address = literal_address(text, kDefaultPort);
    return !address && address.error().code == ENOENT;
}

// What can be said only when the whole block is read.
void check(Loader& loader, const Node& node, const Upstream& upstream) {
    if (upstream.servers.empty()) {
        // They may come by command.
        if (!upstream.state_path.empty()) return;
        loader.error(node.at, "no servers in upstream \"" + upstream.name() + "\"",
                     "write at least one: server 127.0.0.1:8000;");
        return;
    }
    if (std::ranges::all_of(upstream.servers, [](const Server& s) { return s.parameters.backup; })) {
        loader.error(node.at, "upstream \"" + upstream.name() + "\" has backup servers only",
                     "a backup needs a server that it stands in for");
    }
    for (const Server& server : upstream.servers) check_server(loader, upstream, server);
}

void add_server(Loader& loader, const Node& node, Upstream& upstream) {
    Server server;
    server.name = node.args[0].text;
    server.default_port = kDefaultPort;
    server.at = node.at;
    read_parameters(loader, std::span(node.args).subspan(1), server);
    if (!server.service.empty() && (!server.resolve || !is_name(server.name))) {
        return loader.error(node.args[0].at, "\"service\" needs a name and \"resolve\"",
                            "write: server NAME service=" + server.service + " resolve;");
    }
    if (!is_name(server.name)) server.resolve = false;
    if (server.resolve) {
        read_name(loader, node, server);
        upstream.servers.push_back(std::move(server));
        return;
    }
    Result<std::vector<Address>> addresses = resolve_now(server.name, server.default_port);
    if (!addresses) return loader.error(node.args[0].at, addresses.error().message);
    server.addresses = *std::move(addresses);
    upstream.servers.push_back(std::move(server));
}

void check_state(Loader& loader, const Upstreams& upstreams, const Upstream& upstream) {
    if (upstream.state_path.empty()) return;
    for (const auto& other : upstreams.all()) {
        if (other.get() == &upstream || other->state_path != upstream.state_path) continue;
        loader.error(upstream.at,
                     "the state file of upstream \"" + upstream.name() + "\" is also that of upstream \"" +
                         other->name() + "\"",
                     "each needs a file of its own");
    }
}

// The servers of the state file take the place of those of the block.
void read_state(Loader& loader, Upstream& upstream) {
    if (upstream.state_path.empty() || ::access(upstream.state_path.c_str(), F_OK) != 0) return;
    const std::size_t written = upstream.servers.size();
    upstream.servers.clear();
    if (read_config(upstream.state_path, {}, loader.grammar(), upstream.state, loader.diagnostics())) {
        for (const Node& line : upstream.state.root.children) {
            if (line.name == "server" && !line.block && !line.args.empty()) {
                add_server(loader, line, upstream);
            } else {
                loader.error(line.at, "\"" + line.name + "\" cannot stand in a state file",
                             "it has one line for each server: server ADDRESS [PARAMETER]…;");
            }
        }
    }
    for (Server& server : upstream.servers) server.from_state = true;
    if (written > 0 && !loader.failed()) {
        loader.warning(upstream.at,
                       "the servers of upstream \"" + upstream.name() + "\" are those of \"" +
                           upstream.state_path + "\", not those written here",
                       "commands have changed them; delete the file to begin again with these");
    }
    // The report may be read when the upstream is gone.
    if (loader.failed()) loader.diagnostics().keep(std::move(upstream.state));
}

}  // namespace

void check_server(Loader& loader, const Upstream& upstream, const Server& server) {
    const bool backup = server.parameters.backup;
    if (!upstream.balancer.plain_servers) return;
    if (!backup && server.parameters.slow_start.count() == 0) return;
    loader.error(server.at,
                 std::string("\"") + (backup ? "backup" : "slow_start") +
                     "\" has no meaning with the balancer \"" + std::string(upstream.balancer.directive) +
                     "\"",
                 "it is for round robin, least_conn and least_time");
}

void read_parameters(Loader& loader, std::span<const Word> words, Server& server) {
    for (const Word& word : words) read_parameter(loader, word, server);
}

Upstream& current_upstream(Loader& loader) { return *static_cast<Upstream*>(loader.block().object); }

void open_upstream(Loader& loader, const Node& node, Context inner, Upstreams& upstreams) {
    const std::string& name = node.args[0].text;
    Upstream* upstream = upstreams.add(name);
    if (upstream == nullptr) {
        loader.error(node.args[0].at, "duplicate upstream \"" + name + "\"",
                     "the first is in line " + std::to_string(upstreams.find(name)->at.line));
        return;
    }
    upstream->at = node.at;
    Block block;
    block.context = inner;
    block.object = upstream;
    loader.read_block(node, block);
    check_state(loader, upstreams, *upstream);
    if (!loader.failed()) read_state(loader, *upstream);
    if (!loader.failed()) check(loader, node, *upstream);
}

void take_server(Loader& loader, const Node& node) { add_server(loader, node, current_upstream(loader)); }

void take_state(Loader& loader, const Node& node) {
    const std::string path = loader.cycle().below_prefix(node.args[0].text);
    const std::string folder = path.substr(0, path.rfind('/') + 1);
    if (::access(folder.c_str(), F_OK) != 0) {
        return loader.error(node.args[0].at, "the folder of the state file is not there: \"" + folder + "\"",
                            "make it: commands write the file there");
    }
    current_upstream(loader).state_path = path;
}

void take_zone(Loader& loader, const Node& node) {
    Upstream& upstream = current_upstream(loader);
    upstream.zone_name = node.args[0].text;
    if (node.args.size() == 1) return;
    const auto size = parse_size(node.args[1].text);
    if (!size || *size < Zone::kSmallest) {
        loader.error(node.args[1].at, "invalid zone size \"" + node.args[1].text + "\"",
                     "a size of at least " + std::to_string(Zone::kSmallest / 1024) + "k is expected: 64k");
        return;
    }
    upstream.zone_size = static_cast<std::size_t>(*size);
}

void take_keepalive(Loader& loader, const Node& node) {
    std::uint64_t count = current_upstream(loader).keepalive.connections;
    read_number(loader, node, 0, kMostConnections, count);
    current_upstream(loader).keepalive.connections = count;
    if (node.args.size() == 1) return;
    if (node.args[1].text != "local") {
        return loader.error(node.args[1].at,
                            "unknown parameter \"" + node.args[1].text + "\" in \"keepalive\"",
                            "it can only be: local");
    }
    current_upstream(loader).keepalive.local = true;
}

void take_keepalive_requests(Loader& loader, const Node& node) {
    std::uint64_t count = current_upstream(loader).keepalive.requests;
    read_number(loader, node, 1, UINT32_MAX, count);
    current_upstream(loader).keepalive.requests = static_cast<std::uint32_t>(count);
}

void take_keepalive_time(Loader& loader, const Node& node) {
    read_duration(loader, node, current_upstream(loader).keepalive.time);
}

void take_keepalive_timeout(Loader& loader, const Node& node) {
    read_duration(loader, node, current_upstream(loader).keepalive.timeout);
}

void take_resolver(Loader& loader, const Node& node) {
    current_upstream(loader).resolver = loader.cycle().own<Resolvers>().read(loader, node);
}

void take_resolver_timeout(Loader& loader, const Node& node) {
    read_duration(loader, node, current_upstream(loader).resolver_timeout);
}

void take_queue(Loader& loader, const Node& node) {
    QueueOptions& queue = current_upstream(loader).queue;
    std::uint64_t length = 0;
    read_number(loader, node, 1, kMostConnections, length);
    queue.length = length;
    if (node.args.size() == 1) return;
    const Option option = split_option(node.args[1]);
    if (option.name != "timeout") return unknown_option(loader, option, "queue", {"timeout"});
    read_time(loader, option, "queue", queue.timeout);
}

void take_outlier_ejection(Loader& loader, const Node& node) {
    OutlierOptions& options = current_upstream(loader).outliers;
    for (const Word& word : node.args) {
        Option option = split_option(word);
        if (option.name == "errors") {
            read_limit(loader, option, node.name, options.consecutive_errors, 1, kMostConnections);
        } else if (option.name == "latency") {
            read_limit(loader, option, node.name, options.latency_factor, 2, 1000);
        } else if (option.name == "time") {
            read_time(loader, option, node.name, options.time);
        } else if (option.name == "most") {
            if (option.value.ends_with('%')) option.value.remove_suffix(1);
            read_limit(loader, option, node.name, options.most, 1, 100);
        } else {
            unknown_option(loader, option, node.name, {"errors", "latency", "time", "most"});
        }
    }
    if (loader.failed() || options.on()) return;
    loader.error(node.at, "\"outlier_ejection\" does not say what makes an outlier",
                 "errors=5 or latency=3, or both");
}

}  // namespace berth::upstream

// The arguments of `listen`, and how several of them share a socket.
#include "modules/http/listen.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>

#include "core/cycle.hpp"
#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "core/text/similar.hpp"
#include "event/listening.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/http1.hpp"
#include "modules/http/virtual_hosts.hpp"

namespace berth::http {

namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kUnprivilegedPort = 8000;
constexpr std::uint16_t kLastPort = 65535;

struct Parameter {
    std::string_view name;
    std::string_view value;
    bool has_value = false;
    const Word* word = nullptr;
};

Parameter split(const Word& word) {
    const std::string_view text = word.text;
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return {text, {}, false, &word};
    return {text.substr(0, equals), text.substr(equals + 1), true, &word};
}

void invalid(Loader& loader, const Parameter& parameter, std::string hint) {
    loader.error(parameter.word->at, "invalid value \"" + parameter.word->text + "\" in \"listen\"",
                 std::move(hint));
}

bool read_count(Loader& loader, const Parameter& parameter, int& into) {
    std::optional<std::uint64_t> value = parse_unsigned(parameter.value, 1U << 30U);
    if (!value) return invalid(loader, parameter, "a whole number is expected"), false;
    into = static_cast<int>(*value);
    return true;
}

bool read_bytes(Loader& loader, const Parameter& parameter, std::optional<int>& into) {
    std::optional<std::uint64_t> value = parse_size(parameter.value);
    if (!value || *value > (1U << 30U)) return invalid(loader, parameter, "a size is expected: 64k"), false;
    into = static_cast<int>(*value);
    return true;
}

bool read_on_off(Loader& loader, const Parameter& parameter, bool& into) {
    if (parameter.value != "on" && parameter.value != "off") {
        return invalid(loader, parameter, "it is \"on\" or \"off\""), false;
    }
    into = parameter.value == "on";
    return true;
}

constexpr std::chrono::seconds kLongestProbe{32767};  // the kernel's limit

// so_keepalive=on|off|[idle]:[interval]:[count]
bool read_keepalive(Loader& loader, const Parameter& parameter, std::optional<KeepaliveProbes>& into) {
    KeepaliveProbes probes;
    if (parameter.value == "on" || parameter.value == "off") {
        probes.on = parameter.value == "on";
        into = probes;
        return true;
    }
    std::string_view rest = parameter.value;
    const std::size_t first = rest.find(':');
    const std::size_t second = first == rest.npos ? rest.npos : rest.find(':', first + 1);
    if (second == rest.npos) return invalid(loader, parameter, "on, off or idle:interval:count"), false;
    auto seconds = [](std::string_view text) -> std::optional<int> {
        if (text.empty()) return 0;
        std::optional<std::chrono::milliseconds> time = parse_duration(text);
        if (!time || *time > kLongestProbe) return std::nullopt;
        return static_cast<int>(time->count() / 1000);
    };
    std::optional<int> idle = seconds(rest.substr(0, first));
    std::optional<int> interval = seconds(rest.substr(first + 1, second - first - 1));
    const std::string_view count_text = rest.substr(second + 1);
    std::optional<std::uint64_t> count = count_text.empty() ? 0 : parse_unsigned(count_text, 127);
    if (!idle || !interval || !count)
        return invalid(loader, parameter, "idle:interval:count, as in 30m::10; times of at most 32767s"),
               false;
    probes.idle = *idle;
    probes.interval = *interval;
    probes.count = static_cast<int>(*count);
    into = probes;
    return true;
}

using Read = bool (*)(Loader& loader, const Parameter& parameter, ListenRequest& request);

struct Known {
    std::string_view name;
    bool takes_value;
    bool about_socket;  // belongs to the socket: may be written once for an address
    Read read;
};

bool not_in_build(Loader& loader, const Parameter& parameter, ListenRequest& request) {
    request.datagrams = request.datagrams || parameter.name == "udp" || parameter.name == "quic";
    loader.error(parameter.word->at,
                 "listen parameter \"" + std::string(parameter.name) + "\" is known, but not in this build",
                 "this build serves HTTP/1.1 over TCP and unix sockets");
    return false;
}

// Linux has neither accept filters nor several routing tables to choose a socket's from.
bool only_on_bsd(Loader& loader, const Parameter& parameter, ListenRequest&) {
    const bool filter = parameter.name == "accept_filter";
    loader.error(parameter.word->at,
                 "listen parameter \"" + std::string(parameter.name) + "\" exists on FreeBSD only",
                 filter ? "on Linux \"deferred\" accepts a connection when its first bytes are there"
                        : "on Linux, routes are chosen by \"ip rule\", not by the server");
    return false;
}

bool read_multipath(Loader& loader, const Parameter& parameter, ListenRequest& request) {
    if (request.address.is_unix()) return invalid(loader, parameter, "unix sockets have one path"), false;
    return request.options.multipath = true;
}

// `reuseport` is nginx's word for strategy=reuseport.
bool choose_strategy(Loader& loader, const Parameter& parameter, ListenRequest& request, Strategy strategy) {
    const std::optional<Strategy> before = std::exchange(request.options.strategy, strategy);
    if (!before || *before == strategy) return true;
    loader.error(parameter.word->at, "a second strategy of one \"listen\": \"" + parameter.word->text + '"',
                 "it has strategy=" + std::string(to_text(*before)) + " already; leave one of the two out");
    return false;
}

bool read_reuseport(Loader& loader, const Parameter& parameter, ListenRequest& request) {
    return choose_strategy(loader, parameter, request, Strategy::reuseport);
}

bool read_strategy(Loader& loader, const Parameter& parameter, ListenRequest& request) {
    const auto* known = std::ranges::find(kStrategyNames, parameter.value);
    if (known != kStrategyNames.end()) {
        const auto strategy = static_cast<Strategy>(known - kStrategyNames.begin());
        return choose_strategy(loader, parameter, request, strategy);
    }
    loader.error(parameter.word->at, "unknown strategy \"" + std::string(parameter.value) + '"',
                 "it is one of: shared, handoff, reuseport, proxy");
    return false;
}

bool read_balance(Loader& loader, const Parameter& parameter, ListenRequest& request) {
    const auto* known = std::ranges::find(kAcceptBalanceNames, parameter.value);
    if (known != kAcceptBalanceNames.end()) {
        request.options.balance = static_cast<AcceptBalance>(known - kAcceptBalanceNames.begin());
        return true;
    }
    loader.error(parameter.word->at, "unknown balance \"" + std::string(parameter.value) + '"',
                 "it is one of: round_robin, least_conn, ip_hash, random");
    return false;
}

bool read_worker_listen(Loader& loader, const Parameter& parameter, ListenRequest& request) {
    Result<WorkerListen> where = WorkerListen::parse(parameter.value);
    if (!where) return invalid(loader, parameter, where.error().message), false;
    where->at = parameter.word->at;
    request.options.worker_listen = *std::move(where);
    return true;
}

constexpr Known kKnown[] = {
    {"default_server", false, false,
     [](Loader&, const Parameter&, ListenRequest& r) { return r.default_server = true; }},
    {"default", false, false,
     [](Loader&, const Parameter&, ListenRequest& r) { return r.default_server = true; }},
    {"proxy_protocol", false, false,
     [](Loader&, const Parameter&, ListenRequest& r) { return r.options.proxy_protocol = true; }},
    {"backlog", true, true,
     [](Loader& l, const Parameter& p, ListenRequest& r) { return read_count(l, p, r.options.backlog); }},
    {"rcvbuf", true, true,
     [](Loader& l, const Parameter& p, ListenRequest& r) {
         return read_bytes(l, p, r.options.receive_buffer);
     }},
    {"sndbuf", true, true,
     [](Loader& l, const Parameter& p, ListenRequest& r) { return read_bytes(l, p, r.options.send_buffer); }},
    {"reuseport", false, true, read_reuseport},
    {"ipv6only", true, true,
     [](Loader& l, const Parameter& p, ListenRequest& r) { return read_on_off(l, p, r.options.ipv6_only); }},
    {"deferred", false, true,
     [](Loader&, const Parameter&, ListenRequest& r) { return r.options.deferred = true; }},
    {"bind", false, true, [](Loader&, const Parameter&, ListenRequest& r) { return r.options.bind = true; }},
    {"fastopen", true, true,
     [](Loader& l, const Parameter& p, ListenRequest& r) { return read_count(l, p, r.options.fast_open); }},
    {"so_keepalive", true, true,
     [](Loader& l, const Parameter& p, ListenRequest& r) {
         return read_keepalive(l, p, r.options.keepalive);
     }},
    {"strategy", true, true, read_strategy},
    {"balance", true, true, read_balance},
    {"worker_listen", true, true, read_worker_listen},
    {"ssl", false, false, not_in_build},
    {"http2", false, false, not_in_build},
    {"quic", false, false, not_in_build},
    {"udp", false, false, not_in_build},
    {"accept_filter", true, true, only_on_bsd},
    {"setfib", true, true, only_on_bsd},
    {"multipath", false, true, read_multipath},
};

void read_parameter(Loader& loader, const Word& word, ListenRequest& request) {
    const Parameter parameter = split(word);
    auto known = std::ranges::find(kKnown, parameter.name, &Known::name);
    if (known == std::end(kKnown)) {
        std::vector<std::string_view> names;
        for (const Known& each : kKnown) names.push_back(each.name);
        std::string_view near = closest(names, parameter.name);
        loader.error(word.at, "unknown parameter \"" + word.text + "\" of \"listen\"",
                     near.empty() ? std::string() : "did you mean \"" + std::string(near) + "\"?");
        return;
    }
    if (known->takes_value != parameter.has_value) {
        invalid(loader, parameter,
                known->takes_value ? "write " + std::string(known->name) + "=VALUE" : "it takes no value");
        return;
    }
    if (known->read(loader, parameter, request) && known->about_socket) request.has_options = true;
}

// The path of a unix socket may have 107 bytes. One that is longer is taken from the folder the server was
// started in, which the process that binds it never leaves, if that is short enough.
std::string shortened(const std::string& text) {
    if (!text.starts_with("unix:/") || Address::parse(text)) return text;
    std::error_code failed;
    const std::filesystem::path here = std::filesystem::current_path(failed);
    const std::filesystem::path relative = std::filesystem::path(text.substr(5)).lexically_relative(here);
    std::string shorter = "unix:";
    shorter += relative.string();
    return !failed && !relative.empty() && Address::parse(shorter) ? shorter : text;
}

bool has_own_socket(const ListenRequest& request) { return request.has_options || request.options.bind; }

// Which socket serves an address: a wildcard's of the same port, when there is one.
class SocketChoice {
 public:
    explicit SocketChoice(const std::vector<ListenRequest>& all) {
        for (const ListenRequest& request : all) {
            if (has_own_socket(request) || request.address.is_wildcard()) separate_.insert(request.address);
        }
    }
    Address socket_of(const Address& address) const {
        if (address.is_unix() || separate_.contains(address)) return address;
        Address wildcard = address.is_ipv6() ? Address::ipv6(in6addr_any, address.port())
                                             : Address::ipv4(INADDR_ANY, address.port());
        return separate_.contains(wildcard) ? wildcard : address;
    }

 private:
    std::set<Address> separate_;
};

// Takes "-8010" off the end of "8000-8010" or "127.0.0.1:8000-8010", and returns the last port; nothing when
// it is no range.
std::string_view split_range(std::string_view& where) {
    const std::size_t dash = where.rfind('-');
    if (dash == where.npos || dash == 0 || where.starts_with("unix:")) return {};
    const std::string_view last = where.substr(dash + 1);
    std::string_view first = where.substr(0, dash);
    first.remove_prefix(first.rfind(':') + 1);  // npos + 1 is 0: a port alone
    for (const std::string_view port : {first, last}) {
        if (port.empty() || !std::ranges::all_of(port, ascii::is_digit)) return {};
    }
    where = where.substr(0, dash);
    return last;
}

void check_datagrams(Loader& loader, const ListenRequest& request) {
    if (!request.datagrams || !request.options.strategy) return;
    if (const std::string reason = why_not(*request.options.strategy, Carried::udp); !reason.empty()) {
        loader.error(request.at, request.address.to_text() + ": " + reason,
                     "write strategy=shared or strategy=reuseport here");
    }
}

}  // namespace

void read_listen(Loader& loader, const Node& node, Server& server, std::vector<ListenRequest>& into) {
    const Word& where = node.args[0];
    std::string_view first = where.text;
    const std::string_view last = split_range(first);
    ListenRequest request;
    request.server = &server;
    request.at = where.at;
    Result<Address> address = Address::parse(shortened(std::string(first)), kHttpPort);
    if (!address) {
        loader.error(where.at,
                     "invalid address \"" + where.text + "\" in \"listen\": " + address.error().message,
                     "write a port, a range of ports (8000-8010), ADDRESS:PORT, [IPv6]:PORT or unix:PATH");
        return into.push_back(std::move(request));
    }
    request.address = *std::move(address);
    for (std::size_t i = 1; i < node.args.size(); ++i) read_parameter(loader, node.args[i], request);
    check_datagrams(loader, request);
    const std::uint16_t from = request.address.port();
    const std::optional<std::uint64_t> to = last.empty() ? from : parse_unsigned(last, kLastPort);
    if (!to || *to < from || (!last.empty() && from == 0)) {
        loader.error(where.at, "invalid range of ports in \"" + where.text + '"',
                     "two ports from 1 to 65535, the lower one first: 8000-8010");
        return into.push_back(std::move(request));
    }
    for (std::uint64_t port = from; port <= *to; ++port) {
        if (port > from) request.address.set_port(static_cast<std::uint16_t>(port));
        into.push_back(request);
    }
}

Address default_address() {
    return Address::ipv4(INADDR_ANY, geteuid() == 0 ? kHttpPort : kUnprivilegedPort);
}

void make_sockets(Loader& loader, HttpBlock& http) {
    // Sockets' own addresses come first in their tables, so wildcards are made before what they also serve.
    std::vector<ListenRequest> ordered;
    for (const bool wildcards : {true, false}) {
        std::ranges::copy_if(http.listens, std::back_inserter(ordered), [&](const ListenRequest& request) {
            return request.address.is_wildcard() == wildcards;
        });
    }
    http.listens = std::move(ordered);
    const SocketChoice sockets(http.listens);
    Listening& listening = loader.cycle().own<Listening>();
    std::set<std::pair<const Server*, std::string>> seen;
    for (const ListenRequest& request : http.listens) {
        if (!request.address.specified()) continue;  // was reported
        if (!seen.emplace(request.server, request.address.to_text()).second) {
            loader.error(request.at,
                         "a second \"listen\" for " + request.address.to_text() + " in one server",
                         "leave one of the two out; one `listen` may have several parameters");
            continue;
        }
        const Address at = sockets.socket_of(request.address);
        const bool describes_socket = request.has_options && at == request.address;
        Result<Listening::Entry*> entry =
            listening.add(at, describes_socket ? &request.options : nullptr, open_http1, request.at);
        if (!entry) {
            loader.error(request.at, entry.error().message);
            continue;
        }
        auto* hosts = static_cast<VirtualHosts*>((*entry)->user);
        if (hosts == nullptr) {
            hosts = loader.arena().create<VirtualHosts>();
            hosts->http = http.conf;
            hosts->cycle = &loader.cycle();
            hosts->at(at);
            (*entry)->user = hosts;
            (*entry)->scheme = "http";
        }
        (*entry)->proxy_protocol |= request.options.proxy_protocol;
        AddressServers& servers = hosts->at(request.address);
        servers.proxy_protocol |= request.options.proxy_protocol;
        servers.add(*request.server, request.default_server, loader);
    }
    for (Listening::Entry& entry : listening.entries) {
        if (entry.open != open_http1) continue;
        static_cast<VirtualHosts*>(entry.user)->complete();
    }
}

}  // namespace berth::http

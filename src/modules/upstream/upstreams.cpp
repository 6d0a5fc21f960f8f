// The upstreams of a protocol, and names that become addresses while a configuration is loaded.
#include "modules/upstream/upstreams.hpp"

#include <netdb.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "core/text/similar.hpp"

namespace berth::upstream {

namespace {

Error invalid_host(std::string_view text) {
    return Error("\"" + std::string(text) +
                 "\" is no address: write HOST, HOST:PORT, [IPv6]:PORT or unix:PATH");
}

bool same_name(std::string_view a, std::string_view b) noexcept { return ascii::iequals(a, b); }

}  // namespace

HostPort split_host(std::string_view text) {
    HostPort parts{text, std::nullopt};
    std::size_t from = 0;
    if (text.starts_with('[')) {
        from = text.find(']');
        if (from == text.npos) return parts.valid = false, parts;
    }
    const std::size_t colon = text.find(':', from);
    parts.host = text.substr(0, colon);
    if (colon != text.npos) {
        const auto port = parse_unsigned(text.substr(colon + 1), 65535);
        if (!port || *port == 0) return parts.valid = false, parts;
        parts.port = static_cast<std::uint16_t>(*port);
    }
    if (parts.host.empty()) parts.valid = false;
    return parts;
}

Result<Address> literal_address(std::string_view text, std::uint16_t default_port) {
    if (text.starts_with("unix:")) return Address::unix_path(text.substr(5));
    const HostPort parts = split_host(text);
    if (!parts.valid) return invalid_host(text);
    std::string_view bare = parts.host;
    if (bare.starts_with('[')) bare = bare.substr(1, bare.size() - 2);
    if (Result<Address> ip = Address::parse_ip(bare, parts.port.value_or(default_port))) return *ip;
    if (bare.size() != parts.host.size()) return invalid_host(text);
    return Error("\"" + std::string(text) + "\" is a name, not an address", ENOENT);
}

Result<std::vector<Address>> resolve_now(std::string_view text, std::uint16_t default_port) {
    const Result<Address> literal = literal_address(text, default_port);
    if (literal) return std::vector<Address>{*literal};
    if (literal.error().code != ENOENT) return literal.error();
    const HostPort parts = split_host(text);
    const std::uint16_t port = parts.port.value_or(default_port);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const std::string host(parts.host);
    if (const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); failed != 0) {
        return Error("host not found: \"" + host + "\" (" + ::gai_strerror(failed) + ")");
    }
    std::vector<Address> all;
    for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
        Address address = Address::from_sockaddr(each->ai_addr, each->ai_addrlen);
        if (!address.is_ipv4() && !address.is_ipv6()) continue;
        address.set_port(port);
        if (std::ranges::find(all, address) == all.end()) all.push_back(std::move(address));
    }
    ::freeaddrinfo(found);
    if (all.empty()) return Error("host \"" + host + "\" has no address");
    return all;
}

Upstream* Upstreams::add(std::string_view name) {
    if (find(name) != nullptr) return nullptr;
    all_.push_back(std::make_unique<Upstream>(std::string(name)));
    return all_.back().get();
}

Upstream* Upstreams::find(std::string_view name) const noexcept {
    const auto found =
        std::ranges::find_if(all_, [&](const auto& one) { return same_name(one->name(), name); });
    return found == all_.end() ? nullptr : found->get();
}

Upstream* Upstreams::use(Loader& loader, const Origin& at, std::string_view name,
                         std::uint16_t default_port) {
    if (Upstream* known = find(name)) return known;
    const bool is_unix = name.starts_with("unix:");
    const HostPort parts = is_unix ? HostPort{name, std::nullopt} : split_host(name);
    if (!parts.valid) return loader.error(at, invalid_host(name).message), nullptr;
    if (Upstream* named = find(parts.host); named != nullptr && !named->implicit) {
        loader.error(at, "upstream \"" + named->name() + "\" may not have a port",
                     "its ports are those of its servers: write \"" + named->name() + "\"");
        return nullptr;
    }
    std::string full(name);
    if (!is_unix && !parts.port) full += ":" + std::to_string(default_port);
    if (Upstream* known = find(full)) return known;
    Server server;
    server.name = full;
    server.default_port = default_port;
    server.at = at;
    Result<std::vector<Address>> addresses = resolve_now(full, default_port);
    if (!addresses) {
        std::vector<std::string_view> names;
        for (const auto& each : all_) names.push_back(each->name());
        const std::string_view similar = closest(names, parts.host);
        loader.error(at, addresses.error().message,
                     similar.empty() ? std::string("no upstream has this name either")
                                     : "did you mean upstream \"" + std::string(similar) + "\"?");
        return nullptr;
    }
    server.addresses = *std::move(addresses);
    Upstream* made = add(full);
    made->implicit = true;
    made->at = at;
    made->servers.push_back(std::move(server));
    return made;
}

void Upstreams::use_resolver(const ResolverConf* resolver, Milliseconds timeout) noexcept {
    if (std::exchange(resolver_known_, true)) return;
    resolver_ = resolver;
    resolver_timeout_ = timeout;
}

void Upstreams::check_names(Loader& loader) const {
    for (const auto& each : all_) {
        if (each->resolver == nullptr) each->resolver = resolver_;
        if (each->resolver_timeout.count() == 0) each->resolver_timeout = resolver_timeout_;
        if (each->resolver != nullptr) continue;
        const auto first = std::ranges::find_if(each->servers, &Server::resolve);
        if (first == each->servers.end()) continue;
        loader.error(first->at,
                     "no resolver for \"" + first->name + "\" of upstream \"" + each->name() + "\"",
                     "write in upstream{} or around it: resolver 127.0.0.53; with the address of your DNS "
                     "server, or: resolver system; for those of /etc/resolv.conf");
    }
}

// Upstreams may share a zone; one of them says how large it is. Where that is less than its peers need (sizes
// are often copied from other servers, which need others), it is as large as they need.
Result<void> Upstreams::settle_zones() const {
    std::map<std::string, std::size_t, std::less<>> needed;
    for (const auto& each : all_) needed[each->zone_name] += each->zone_needed();
    for (const auto& each : all_) {
        if (each->zone_name.empty()) continue;
        for (const auto& other : all_) {
            if (other->zone_name != each->zone_name || other->zone_size == 0) continue;
            if (each->zone_size == 0) each->zone_size = other->zone_size;
            if (each->zone_size == other->zone_size) continue;
            return Error("zone \"" + each->zone_name + "\" of upstream \"" + other->name() +
                         "\" has another size in upstream \"" + each->name() + "\"");
        }
        if (each->zone_size == 0) {
            return Error("zone \"" + each->zone_name + "\" of upstream \"" + each->name() +
                         "\" has no size anywhere");
        }
    }
    for (const auto& each : all_) {
        if (!each->zone_name.empty()) each->zone_size = std::max(each->zone_size, needed[each->zone_name]);
    }
    return {};
}

Result<void> Upstreams::prepare(std::string_view protocol, std::uint64_t generation) const {
    if (Result<void> settled = settle_zones(); !settled) return settled;
    for (const auto& each : all_) {
        if (Result<void> prepared = each->prepare(protocol, generation); !prepared) return prepared;
    }
    return {};
}

Result<void> Upstreams::start(Worker& worker) const {
    for (const auto& each : all_) {
        if (Result<void> started = each->start(worker); !started) return started;
    }
    return {};
}

void Upstreams::stop() const noexcept {
    for (const auto& each : all_) each->stop();
}

}  // namespace berth::upstream

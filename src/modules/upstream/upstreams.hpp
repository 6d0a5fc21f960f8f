// Upstreams: all upstreams of one protocol in one configuration, by name.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/config/loader.hpp"
#include "modules/upstream/resolvers.hpp"
#include "modules/upstream/upstream.hpp"

namespace berth::upstream {

// A protocol keeps one in its main struct.
class Upstreams {
 public:
    // `upstream NAME {}`: null when the name is taken (the older one is in find()).
    Upstream* add(std::string_view name);
    // By name, letter case ignored; implicit ones by "host:port".
    Upstream* find(std::string_view name) const noexcept;

    // What `proxy_pass http://NAME` means: the upstream of that name, or an implicit one for the host and
    // port written (a port makes it implicit, as nginx has it, unless an upstream is called so). Names are
    // resolved now. To be called when all upstream{} blocks have been read, as from Conf::finish. Null after
    // an error, which is reported at `at`.
    Upstream* use(Loader& loader, const Origin& at, std::string_view name, std::uint16_t default_port);

    // What holds for upstreams without `resolver`; the first call counts, before check_names().
    void use_resolver(const ResolverConf* resolver, Milliseconds timeout) noexcept;
    // That there is a resolver for every server to be resolved. When all blocks have been read.
    void check_names(Loader& loader) const;

    Result<void> prepare(std::string_view protocol, std::uint64_t generation) const;
    Result<void> start(Worker& worker) const;
    void stop() const noexcept;

    const std::vector<std::unique_ptr<Upstream>>& all() const noexcept { return all_; }

 private:
    Result<void> settle_zones() const;

    std::vector<std::unique_ptr<Upstream>> all_;
    const ResolverConf* resolver_ = nullptr;
    Milliseconds resolver_timeout_ = kResolverTimeout;
    bool resolver_known_ = false;
};

// A host and the port written behind it; brackets belong to the host.
struct HostPort {
    std::string_view host;
    std::optional<std::uint16_t> port;
    bool valid = true;
};
HostPort split_host(std::string_view text);

// What is written as an address: unix:PATH, an IP with or without port. An error without a code is one of the
// writing; for a name it has the code ENOENT.
Result<Address> literal_address(std::string_view text, std::uint16_t default_port);

// The addresses a host (a name, an IP, with or without port, or unix:PATH) has now: getaddrinfo(3). Blocks:
// only while a configuration is loaded.
Result<std::vector<Address>> resolve_now(std::string_view host, std::uint16_t default_port);

}  // namespace berth::upstream

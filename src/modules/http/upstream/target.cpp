// Targets that requests name, and their names while the request waits for DNS.
#include "modules/http/upstream/target.hpp"

#include <algorithm>

#include "core/text/number.hpp"
#include "modules/http/resolver_conf.hpp"
#include "modules/http/upstreams.hpp"

namespace berth::http {

namespace {

constexpr int kInternal = 500;
constexpr int kBadGateway = 502;
constexpr int kGatewayTimeout = 504;

// Each request begins with another of a name's addresses.
thread_local std::size_t next_first = 0;

}  // namespace

int find_target(Request& request, std::string_view text, std::uint16_t default_port, UpstreamTarget& target) {
    target.group = http_upstreams(request.cycle()).find(text);
    if (target.group != nullptr) return 0;
    if (Result<Address> address = Address::parse(text, default_port)) {
        target.addresses.push_back(*std::move(address));
        return 0;
    }
    const std::size_t colon = text.find(':');
    const std::string_view host = text.substr(0, colon);
    const auto port = colon == text.npos ? std::optional<std::uint64_t>(default_port)
                                         : parse_unsigned(text.substr(colon + 1), 65535);
    if (!is_host_name(host) || !port || *port == 0) {
        request.log_at(LogLevel::error, "invalid host in upstream \"{}\"", text);
        return kInternal;
    }
    if (*request.conf<HttpResolverConf>().resolver == nullptr) {
        request.log_at(LogLevel::error, "no resolver defined to resolve {}, and no upstream has this name",
                       host);
        return kBadGateway;
    }
    target.host = host;
    target.port = static_cast<std::uint16_t>(*port);
    return 0;
}

// The addresses of the target's name; the status to answer with when there are none.
Async<int> UpstreamExchange::resolve(Request& request) {
    const auto& conf = request.conf<HttpResolverConf>();
    Resolver* resolver = upstream::find_resolver(request.cycle(), **conf.resolver);
    if (resolver == nullptr) {
        request.log_at(LogLevel::alert, "{} could not be resolved: this process has no resolver",
                       target_.host);
        co_return kInternal;
    }
    const Duration timeout = within_total(*conf.timeout);
    const TimePoint asked = request.loop().now();
    DnsAnswer answer = co_await resolver->look_up_soon(Lookup::address, target_.host, timeout);
    if (answer.result != DnsResult::found) {
        const LogLevel level = answer.usable() ? LogLevel::info : LogLevel::error;
        request.log_at(level, "{} could not be resolved ({}: {}){}", target_.host, number_of(answer.result),
                       to_text(answer.result), answer.usable() ? ", its addresses of before are used" : "");
    }
    if (!answer.usable()) {
        begin_attempt(target_.host);
        attempt_started_ = asked;
        attempt_->status = time_is_up() ? kGatewayTimeout : kBadGateway;
        close_attempt();
        co_return attempt_->status;
    }
    for (Address& address : answer.addresses) address.set_port(target_.port);
    const std::size_t first = next_first++ % answer.addresses.size();
    std::rotate(answer.addresses.begin(), answer.addresses.begin() + static_cast<std::ptrdiff_t>(first),
                answer.addresses.end());
    target_.addresses = std::move(answer.addresses);
    co_return 0;
}

}  // namespace berth::http

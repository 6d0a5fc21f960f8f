// Variables that tell who is connected, and how: $remote_addr, $server_port, $connection, $tcpinfo_rtt.
#include <netinet/tcp.h>

#include "event/proxy_protocol.hpp"
#include "modules/http/request.hpp"
#include "modules/http/variables/groups.hpp"
#include "modules/http/variables/texts.hpp"

namespace berth::http {

namespace {

Connection& connection_of(VariableHost& host) { return as_request(host).stream().connection(); }

VariableText ip_text(VariableHost& host, const Address& address) {
    auto room = host.arena().array<char>(Address::kTextSize);
    const char* end = address.format_ip(room.data());
    return text({room.data(), static_cast<std::size_t>(end - room.data())});
}

VariableText port_text(VariableHost& host, const Address& address) {
    return address.port() != 0 ? number(host, address.port()) : text("");
}

VariableText get_remote_addr(VariableHost& host, std::uintptr_t) {
    return ip_text(host, connection_of(host).peer());
}

VariableText get_binary_remote_addr(VariableHost& host, std::uintptr_t) {
    const Address& peer = connection_of(host).peer();
    return text(host.arena().copy(peer.is_unix() ? std::string_view("unix:") : peer.bytes()));
}

VariableText get_remote_port(VariableHost& host, std::uintptr_t) {
    return port_text(host, connection_of(host).peer());
}

VariableText get_server_addr(VariableHost& host, std::uintptr_t) {
    return ip_text(host, connection_of(host).local());
}

VariableText get_server_port(VariableHost& host, std::uintptr_t) {
    return port_text(host, connection_of(host).local());
}

VariableText get_protocol(VariableHost& host, std::uintptr_t) {
    const Request& request = as_request(host);
    return text(request.stream().protocol(request));
}

VariableText get_connection(VariableHost& host, std::uintptr_t) {
    return number(host, connection_of(host).number());
}

VariableText get_requests(VariableHost& host, std::uintptr_t) {
    return number(host, connection_of(host).requests());
}

VariableText get_connection_time(VariableHost& host, std::uintptr_t) {
    const Duration open = as_request(host).loop().now() - connection_of(host).opened_at();
    return seconds(host, static_cast<std::uint64_t>(open.count()));
}

VariableText get_pipe(VariableHost& host, std::uintptr_t) {
    return text(as_request(host).stream().pipelined() ? "p" : ".");
}

// There is a PROXY header only where `listen` says proxy_protocol.
template <Address ProxyHeader::*End>
VariableText get_proxy_addr(VariableHost& host, std::uintptr_t) {
    const ProxyHeader* header = connection_of(host).proxy_header();
    if (header == nullptr || !(header->*End).specified()) return VariableText::missing();
    return ip_text(host, header->*End);
}

template <Address ProxyHeader::*End>
VariableText get_proxy_port(VariableHost& host, std::uintptr_t) {
    const ProxyHeader* header = connection_of(host).proxy_header();
    if (header == nullptr || !(header->*End).specified()) return VariableText::missing();
    return number(host, (header->*End).port());
}

// `data` is the rest of the name, behind proxy_protocol_tlv_.
VariableText get_proxy_tlv(VariableHost& host, std::uintptr_t data) {
    const ProxyHeader* header = connection_of(host).proxy_header();
    if (header == nullptr) return VariableText::missing();
    const std::optional<std::string> value =
        header->tlv(std::string_view(reinterpret_cast<const char*>(data)));
    return value ? text(host.arena().copy(*value)) : VariableText::missing();
}

template <auto Member>
VariableText get_tcp_info(VariableHost& host, std::uintptr_t) {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(connection_of(host).fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return VariableText::missing();
    }
    return number(host, info.*Member);
}

}  // namespace

void define_connection_variables(Variables& variables) {
    variables.define("remote_addr", get_remote_addr);
    variables.define("binary_remote_addr", get_binary_remote_addr);
    variables.define("remote_port", get_remote_port);
    variables.define("server_addr", get_server_addr);
    variables.define("server_port", get_server_port);
    variables.define("server_protocol", get_protocol);
    variables.define("connection", get_connection);
    variables.define("connection_requests", get_requests);
    variables.define("connection_time", get_connection_time, 0, Caching::never);
    variables.define("pipe", get_pipe);
    variables.define("proxy_protocol_addr", get_proxy_addr<&ProxyHeader::source>);
    variables.define("proxy_protocol_port", get_proxy_port<&ProxyHeader::source>);
    variables.define("proxy_protocol_server_addr", get_proxy_addr<&ProxyHeader::destination>);
    variables.define("proxy_protocol_server_port", get_proxy_port<&ProxyHeader::destination>);
    variables.define_prefix("proxy_protocol_tlv_", get_proxy_tlv);
    variables.define("tcpinfo_rtt", get_tcp_info<&tcp_info::tcpi_rtt>, 0, Caching::never);
    variables.define("tcpinfo_rttvar", get_tcp_info<&tcp_info::tcpi_rttvar>, 0, Caching::never);
    variables.define("tcpinfo_snd_cwnd", get_tcp_info<&tcp_info::tcpi_snd_cwnd>, 0, Caching::never);
    variables.define("tcpinfo_rcv_space", get_tcp_info<&tcp_info::tcpi_rcv_space>, 0, Caching::never);
}

}  // namespace berth::http

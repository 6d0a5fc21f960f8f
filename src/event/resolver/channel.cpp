// c-ares' sockets and deadlines as watchers and a timer.
#include "event/resolver/channel.hpp"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cstring>

namespace berth {

namespace {

bool has_more(int fd) noexcept {
    pollfd one{fd, POLLIN, 0};
    return ::poll(&one, 1, 0) > 0;
}

Error failed(int status) { return Error(std::string("c-ares: ") + ::ares_strerror(status)); }

int set_server(ares_channel channel, const Address& server) {
    ares_addr_port_node node{};
    node.family = server.family();
    std::memcpy(&node.addr, server.bytes().data(), server.bytes().size());
    node.udp_port = node.tcp_port = server.port();
    return ::ares_set_servers_ports(channel, &node);
}

}  // namespace

DnsChannel::Socket::Socket(DnsChannel& owner, int descriptor) noexcept
    : channel(owner),
      watcher(Callback<Readiness>::to<&Socket::ready>(*this), descriptor),
      again(Callback<>::to<&Socket::read_again>(*this)) {}

// Both may be the end of this socket.
void DnsChannel::Socket::ready(Readiness readiness) {
    channel.serve(watcher.fd(), readiness.readable, readiness.writable);
}
void DnsChannel::Socket::read_again() { channel.serve(watcher.fd(), true, false); }

DnsChannel::DnsChannel(EventLoop& loop, bool searches) noexcept
    : loop_(loop), searches_(searches), timer_(Callback<>::to<&DnsChannel::expire>(*this)) {}

Result<std::unique_ptr<DnsChannel>> DnsChannel::create(EventLoop& loop, const ResolverOptions& options,
                                                       const Address* server) {
    static const int ready = ::ares_library_init(ARES_LIB_INIT_ALL);
    if (ready != ARES_SUCCESS) return failed(ready);
    std::unique_ptr<DnsChannel> channel(new DnsChannel(loop, options.servers.empty()));
    ares_options how{};
    how.flags = ARES_FLAG_NOCHECKRESP;  // what a server refuses is told, not asked again
    how.timeout = static_cast<int>(options.patience.count());
    how.tries = 1;
    how.sock_state_cb = changed;
    how.sock_state_cb_data = channel.get();
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
    int status = ::ares_init_options(&channel->channel_, &how, mask);
    if (status != ARES_SUCCESS) return channel->channel_ = nullptr, failed(status);
    if (server != nullptr) status = set_server(channel->channel_, *server);
    if (status != ARES_SUCCESS) return failed(status);
    return channel;
}

Result<std::vector<std::unique_ptr<DnsChannel>>> DnsChannel::create_all(EventLoop& loop,
                                                                        const ResolverOptions& options) {
    std::vector<Address> servers = options.servers;
    if (servers.empty()) {
        Result<std::unique_ptr<DnsChannel>> any = create(loop, options, nullptr);
        if (!any) return any.error();
        servers = (*any)->servers();
    }
    std::vector<std::unique_ptr<DnsChannel>> all;
    for (const Address& server : servers) {
        Result<std::unique_ptr<DnsChannel>> one = create(loop, options, &server);
        if (!one) return one.error();
        all.push_back(*std::move(one));
    }
    if (all.empty()) return Error("the system knows no DNS server");
    return all;
}

std::vector<Address> DnsChannel::servers() const {
    constexpr int kDnsPort = 53;
    std::vector<Address> all;
    ares_addr_port_node* nodes = nullptr;
    if (::ares_get_servers_ports(channel_, &nodes) != ARES_SUCCESS) return all;
    for (const ares_addr_port_node* node = nodes; node != nullptr; node = node->next) {
        const auto port = static_cast<std::uint16_t>(node->udp_port == 0 ? kDnsPort : node->udp_port);
        if (node->family == AF_INET) all.push_back(Address::ipv4(ntohl(node->addr.addr4.s_addr), port));
        if (node->family != AF_INET6) continue;
        in6_addr ip;
        std::memcpy(&ip, &node->addr.addr6, sizeof ip);
        all.push_back(Address::ipv6(ip, port));
    }
    ::ares_free_data(nodes);
    return all;
}

DnsChannel::~DnsChannel() {
    if (channel_ != nullptr) ::ares_destroy(channel_);
}

void DnsChannel::ask(const std::string& name, RecordType type, ares_callback told, void* argument) {
    const int number = static_cast<int>(type);
    if (searches_) {
        ::ares_search(channel_, name.c_str(), ns_c_in, number, told, argument);
    } else {
        ::ares_query(channel_, name.c_str(), ns_c_in, number, told, argument);
    }
    arm();
}

// Called by c-ares: what it wants of a socket; nothing is said before it closes it.
void DnsChannel::changed(void* self, ares_socket_t fd, int readable, int writable) {
    auto& channel = *static_cast<DnsChannel*>(self);
    Socket* socket = channel.find(fd);
    if (readable == 0 && writable == 0) {
        std::erase_if(channel.sockets_, [&](const auto& each) { return each.get() == socket; });
        return;
    }
    if (socket == nullptr) {
        socket = channel.sockets_.emplace_back(std::make_unique<Socket>(channel, fd)).get();
        if (!channel.loop_.watch(socket->watcher)) {  // its questions run into their deadline
            channel.sockets_.pop_back();
            return;
        }
        socket->watcher.rearm_read();
    }
    socket->writes = writable != 0;
    if (socket->writes) socket->watcher.rearm_write();
}

DnsChannel::Socket* DnsChannel::find(int fd) const noexcept {
    const auto found =
        std::ranges::find_if(sockets_, [&](const auto& each) { return each->watcher.fd() == fd; });
    return found == sockets_.end() ? nullptr : found->get();
}

void DnsChannel::serve(int fd, bool readable, bool writable) {
    ::ares_process_fd(channel_, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
    if (Socket* socket = find(fd)) {
        // By TCP c-ares reads one piece at a time.
        socket->watcher.rearm_read();
        if (socket->writes) socket->watcher.rearm_write();
        if (readable && has_more(fd)) loop_.post(socket->again);
    }
    arm();
}

void DnsChannel::expire() {
    ::ares_process_fd(channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    arm();
}

void DnsChannel::arm() {
    timeval time{};
    if (::ares_timeout(channel_, nullptr, &time) == nullptr) return timer_.stop();
    timer_.start(loop_, Duration(time.tv_sec * 1000 + time.tv_usec / 1000 + 1));
}

}  // namespace berth

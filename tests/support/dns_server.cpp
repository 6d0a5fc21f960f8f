// What the DNS server of the tests says.
#include "tests/support/dns_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <stdexcept>

namespace berth::test {

namespace {

constexpr std::uint16_t kAnyType = 0;

void put16(std::string& out, unsigned value) {
    out += static_cast<char>(value >> 8U & 0xffU);
    out += static_cast<char>(value & 0xffU);
}

void put32(std::string& out, std::uint32_t value) {
    put16(out, value >> 16U);
    put16(out, value & 0xffffU);
}

std::string encode_name(const std::string& name) {
    std::string out;
    for (std::size_t at = 0; at < name.size();) {
        const std::size_t end = std::min(name.find('.', at), name.size());
        out += static_cast<char>(end - at);
        out += name.substr(at, end - at);
        at = end + 1;
    }
    return out += '\0';
}

unsigned get16(const std::string& text, std::size_t at) {
    return static_cast<unsigned>(static_cast<unsigned char>(text[at])) << 8U |
           static_cast<unsigned char>(text[at + 1]);
}

int bound_socket(int type, std::uint16_t& port) {
    const int fd = ::socket(AF_INET, type | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (::bind(fd, reinterpret_cast<sockaddr*>(&address), length) != 0) return ::close(fd), -1;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
    port = ntohs(address.sin_port);
    return fd;
}

}  // namespace

DnsServer::DnsServer() {
    // The port that the one got may be taken for the other.
    for (int tries = 0; tries < 50 && udp_ < 0; ++tries) {
        port_ = 0;
        tcp_ = bound_socket(SOCK_STREAM, port_);
        udp_ = tcp_ < 0 ? -1 : bound_socket(SOCK_DGRAM, port_);
        if (udp_ < 0 && tcp_ >= 0) ::close(tcp_);
    }
    if (udp_ < 0 || ::listen(tcp_, 16) != 0 || ::pipe(wake_) != 0) throw std::runtime_error("no DNS server");
    thread_ = std::thread([this] { run(); });
}

DnsServer::~DnsServer() {
    ::close(wake_[1]);
    thread_.join();
    for (const int fd : {udp_, tcp_, wake_[0]}) ::close(fd);
}

void DnsServer::set(const std::string& name, const std::vector<std::string>& addresses, std::uint32_t ttl) {
    const std::lock_guard held(mutex_);
    std::vector<Record> four;
    std::vector<Record> six;
    for (const std::string& text : addresses) {
        std::array<char, sizeof(in6_addr)> bytes{};
        const bool is_six = text.find(':') != text.npos;
        if (::inet_pton(is_six ? AF_INET6 : AF_INET, text.c_str(), bytes.data()) != 1)
            throw std::runtime_error(text);
        (is_six ? six : four)
            .push_back({ttl, std::string(bytes.data(), is_six ? sizeof(in6_addr) : sizeof(in_addr))});
    }
    names_[name] = true;
    records_[{name, static_cast<std::uint16_t>(Type::a)}] = std::move(four);
    records_[{name, static_cast<std::uint16_t>(Type::aaaa)}] = std::move(six);
}

void DnsServer::set_services(const std::string& name, const std::vector<Service>& services,
                             std::uint32_t ttl) {
    const std::lock_guard held(mutex_);
    std::vector<Record> all;
    for (const Service& service : services) {
        std::string data;
        put16(data, service.priority);
        put16(data, service.weight);
        put16(data, service.port);
        all.push_back({ttl, data + encode_name(service.host)});
    }
    names_[name] = true;
    records_[{name, static_cast<std::uint16_t>(Type::srv)}] = std::move(all);
}

void DnsServer::set_alias(const std::string& alias, const std::string& name, std::uint32_t ttl) {
    const std::lock_guard held(mutex_);
    names_[alias] = true;
    aliases_[alias] = name;
    records_[{alias, static_cast<std::uint16_t>(Type::cname)}] = {{ttl, encode_name(name)}};
}

void DnsServer::remove(const std::string& name) {
    const std::lock_guard held(mutex_);
    names_.erase(name);
    aliases_.erase(name);
    std::erase_if(records_, [&](const auto& each) { return each.first.first == name; });
}

void DnsServer::behave(const std::string& name, Manner manner) {
    const std::lock_guard held(mutex_);
    manners_[{name, kAnyType}] = manner;
}

void DnsServer::behave(const std::string& name, Type type, Manner manner) {
    const std::lock_guard held(mutex_);
    manners_[{name, static_cast<std::uint16_t>(type)}] = manner;
}

unsigned DnsServer::asked(const std::string& name, Type type) const {
    const std::lock_guard held(mutex_);
    const auto found = asked_.find({name, static_cast<std::uint16_t>(type)});
    return found == asked_.end() ? 0 : found->second;
}

void DnsServer::run() {
    for (;;) {
        std::array<pollfd, 3> all{{{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}, {wake_[0], POLLIN, 0}}};
        if (::poll(all.data(), all.size(), -1) < 0) continue;
        if (all[2].revents != 0) return;
        if (all[0].revents != 0) serve_datagram();
        if (all[1].revents != 0) serve_stream();
    }
}

void DnsServer::serve_datagram() {
    std::string question(1500, '\0');
    sockaddr_storage from{};
    socklen_t length = sizeof from;
    const ssize_t size =
        ::recvfrom(udp_, question.data(), question.size(), 0, reinterpret_cast<sockaddr*>(&from), &length);
    if (size <= 0) return;
    question.resize(static_cast<std::size_t>(size));
    const std::string reply = answer(question, false);
    if (!reply.empty())
        ::sendto(udp_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), length);
}

// One question a connection; in pieces, as TCP may.
void DnsServer::serve_stream() {
    const int fd = ::accept4(tcp_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    timeval limit{2, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    std::string question(2, '\0');
    if (::recv(fd, question.data(), 2, MSG_WAITALL) == 2) {
        question.resize(get16(question, 0));
        const ssize_t size = ::recv(fd, question.data(), question.size(), MSG_WAITALL);
        if (size == static_cast<ssize_t>(question.size())) {
            ++by_tcp_;
            const std::string reply = answer(question, true);
            std::string framed;
            put16(framed, static_cast<unsigned>(reply.size()));
            framed += reply;
            const std::size_t half = framed.size() / 2;
            ::send(fd, framed.data(), half, MSG_NOSIGNAL);
            ::send(fd, framed.data() + half, framed.size() - half, MSG_NOSIGNAL);
            char end = 0;
            ::recv(fd, &end, 1, 0);
        }
    }
    ::close(fd);
}

void DnsServer::append_records(const std::string& name, std::uint16_t type, std::string& out,
                               unsigned& count) const {
    const auto found = records_.find({name, type});
    if (found == records_.end()) return;
    for (const Record& record : found->second) {
        out += encode_name(name);
        put16(out, type);
        put16(out, 1);
        put32(out, record.ttl);
        put16(out, static_cast<unsigned>(record.data.size()));
        out += record.data;
        ++count;
    }
}

std::string DnsServer::answer(const std::string& question, bool by_tcp) {
    constexpr std::size_t kHeader = 12;
    constexpr unsigned kAnswer = 0x8180;
    constexpr unsigned kTruncated = 0x0200;
    std::string name;
    std::size_t at = kHeader;
    while (at < question.size() && question[at] != 0) {
        const auto length = static_cast<std::size_t>(static_cast<unsigned char>(question[at]));
        if (!name.empty()) name += '.';
        name += question.substr(at + 1, length);
        at += length + 1;
    }
    if (at + 5 > question.size()) return {};
    const auto type = static_cast<std::uint16_t>(get16(question, at + 1));
    const std::string asked = question.substr(kHeader, at + 5 - kHeader);

    const std::lock_guard held(mutex_);
    ++asked_[{name, type}];
    Manner manner = Manner::normal;
    if (const auto any = manners_.find({name, kAnyType}); any != manners_.end()) manner = any->second;
    if (const auto one = manners_.find({name, type}); one != manners_.end()) manner = one->second;
    if (manner == Manner::silent) return {};

    std::string records;
    unsigned count = 0;
    unsigned flags = kAnswer;
    if (manner == Manner::fails) {
        flags |= 2U;
    } else if (manner == Manner::refuses) {
        flags |= 5U;
    } else if (manner == Manner::truncates && !by_tcp) {
        flags |= kTruncated;
    } else if (!names_.contains(name)) {
        flags |= 3U;
    } else {
        std::string owner = name;
        if (const auto alias = aliases_.find(name); alias != aliases_.end()) {
            append_records(name, static_cast<std::uint16_t>(Type::cname), records, count);
            owner = alias->second;
        }
        append_records(owner, type, records, count);
    }
    if (manner == Manner::garbles) records.resize(records.size() - std::min<std::size_t>(records.size(), 3));
    std::string reply = question.substr(0, 2);
    put16(reply, flags);
    put16(reply, 1);
    put16(reply, count);
    put32(reply, 0);
    return reply + asked + records;
}

}  // namespace berth::test

// DnsServer: a DNS server on loopback that says what a test tells it, also nonsense, and counts who asks.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace berth::test {

// Answers by UDP and by TCP on one port that the kernel chose, in a thread of its own.
class DnsServer {
 public:
    enum class Type : std::uint16_t { a = 1, cname = 5, aaaa = 28, srv = 33 };
    // How a name is answered.
    enum class Manner : std::uint8_t {
        normal,     // with its records; NXDOMAIN when the name has none of any type
        silent,     // not at all
        fails,      // SERVFAIL
        refuses,    // REFUSED
        truncates,  // by UDP only that it does not fit
        garbles,    // records that end in the middle
    };

    DnsServer();
    DnsServer(const DnsServer&) = delete;
    DnsServer& operator=(const DnsServer&) = delete;
    ~DnsServer();

    std::uint16_t port() const noexcept { return port_; }
    std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

    // The addresses of a name, both families mixed, instead of those it had. None: the name exists without.
    void set(const std::string& name, const std::vector<std::string>& addresses, std::uint32_t ttl = 300);
    struct Service {
        unsigned priority;
        unsigned weight;
        unsigned port;
        std::string host;
    };
    void set_services(const std::string& name, const std::vector<Service>& services, std::uint32_t ttl = 300);
    // `alias` leads to `name`, whose records come in the same answer.
    void set_alias(const std::string& alias, const std::string& name, std::uint32_t ttl = 300);
    void remove(const std::string& name);
    void behave(const std::string& name, Manner manner);
    // The same for one type only.
    void behave(const std::string& name, Type type, Manner manner);

    // Questions that came for the name, or by TCP for any.
    unsigned asked(const std::string& name, Type type = Type::a) const;
    unsigned asked_by_tcp() const noexcept { return by_tcp_; }

 private:
    struct Record {
        std::uint32_t ttl;
        std::string data;
    };
    using Key = std::pair<std::string, std::uint16_t>;

    void run();
    void serve_datagram();
    void serve_stream();
    // Empty: no answer.
    std::string answer(const std::string& question, bool by_tcp);
    void append_records(const std::string& name, std::uint16_t type, std::string& out, unsigned& count) const;

    int udp_ = -1;
    int tcp_ = -1;
    int wake_[2] = {-1, -1};
    std::uint16_t port_ = 0;
    mutable std::mutex mutex_;
    std::map<std::string, bool> names_;
    std::map<Key, std::vector<Record>> records_;
    std::map<std::string, std::string> aliases_;
    std::map<Key, Manner> manners_;
    std::map<Key, unsigned> asked_;
    std::atomic<unsigned> by_tcp_ = 0;
    std::thread thread_;
};

}  // namespace berth::test

// DnsChannel: c-ares on an EventLoop: questions to one server go out, answers come back as bytes.
#pragma once

#include <ares.h>

#include <memory>
#include <string>
#include <vector>

#include "core/result.hpp"
#include "event/loop.hpp"
#include "event/resolver/options.hpp"

namespace berth {

// Its sockets are open only while something is asked, each time with a new port. A question is asked once,
// and by TCP when the answer did not fit into a datagram.
class DnsChannel {
 public:
    // One for each server of the options, or of /etc/resolv.conf, whose search domains then count: reads the
    // disk, so not while the loop runs.
    static Result<std::vector<std::unique_ptr<DnsChannel>>> create_all(EventLoop& loop,
                                                                       const ResolverOptions& options);
    DnsChannel(const DnsChannel&) = delete;
    DnsChannel& operator=(const DnsChannel&) = delete;
    // Whoever waits is told ARES_EDESTRUCTION.
    ~DnsChannel();

    // `told` is called once: from here when the question cannot be sent, else from the loop. It may ask.
    void ask(const std::string& name, RecordType type, ares_callback told, void* argument);

 private:
    struct Socket {
        Socket(DnsChannel& owner, int descriptor) noexcept;
        void ready(Readiness readiness);
        void read_again();

        DnsChannel& channel;
        Watcher watcher;
        Task again;  // there is more to read
        bool writes = false;
    };

    DnsChannel(EventLoop& loop, bool searches) noexcept;
    static Result<std::unique_ptr<DnsChannel>> create(EventLoop& loop, const ResolverOptions& options,
                                                      const Address* server);
    std::vector<Address> servers() const;
    static void changed(void* self, ares_socket_t fd, int readable, int writable);
    Socket* find(int fd) const noexcept;
    void serve(int fd, bool readable, bool writable);
    void expire();
    void arm();

    EventLoop& loop_;
    bool searches_;
    ares_channel channel_ = nullptr;
    std::vector<std::unique_ptr<Socket>> sockets_;
    Timer timer_;
};

}  // namespace berth

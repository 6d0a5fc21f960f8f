// What the tests of connections share: a pool, a loopback listener, and a peer that is a plain socket.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "event/connection_pool.hpp"
#include "event/listener.hpp"
#include "tests/unit/event/loop_fixture.hpp"

namespace berth {

// The other end of a connection; non-blocking.
class Peer {
 public:
    explicit Peer(int fd) : fd_(fd) {}
    int fd() const { return fd_.get(); }
    void say(std::string_view text) {
        EXPECT_EQ(::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    // What has come since the last call.
    std::string hear() {
        std::string all;
        std::array<char, 65536> bytes;
        for (;;) {
            const ssize_t got = ::recv(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
            if (got > 0) {
                all.append(bytes.data(), static_cast<std::size_t>(got));
                continue;
            }
            ended_ |= got == 0;
            if (got < 0 && errno != EAGAIN) error_ = errno;
            return all;
        }
    }
    bool ended() const { return ended_; }
    int error() const { return error_; }
    void finish() { ::shutdown(fd_.get(), SHUT_WR); }
    void hang_up() { fd_.reset(); }

 private:
    FileDescriptor fd_;
    bool ended_ = false;
    int error_ = 0;
};

class ConnectionTest : public LoopTest {
 protected:
    // A connection over a socketpair.
    std::pair<Connection*, Peer> local_pair(ConnectionPool& pool) {
        int ends[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
        return {pool.open(FileDescriptor(ends[0]), Address()), Peer(ends[1])};
    }

    // A connection over loopback TCP, accepted from a listener that is opened at the first use.
    std::pair<Connection*, Peer> tcp_pair(ConnectionPool& pool) {
        if (!listener_) {
            listener_ = std::make_unique<Listener>(*Address::parse("127.0.0.1:0"), ListenOptions());
            const Result<void> bound = listener_->bind_and_listen();
            EXPECT_TRUE(bound.ok());
        }
        Peer peer(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::connect(peer.fd(), listener_->address().data(), listener_->address().length()), 0);
        pollfd ready{listener_->fd(), POLLIN, 0};
        EXPECT_EQ(::poll(&ready, 1, 5000), 1);
        FileDescriptor accepted(::accept4(listener_->fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        EXPECT_TRUE(accepted);
        const Address from = Address::of_peer(accepted.get());
        return {pool.open(std::move(accepted), from, listener_.get()), std::move(peer)};
    }

    std::string hear(Peer& peer, std::size_t bytes) {
        std::string heard;
        EXPECT_TRUE(run_until([&] {
            heard += peer.hear();
            return heard.size() >= bytes || peer.ended();
        }));
        return heard;
    }
    bool ends(Peer& peer) {
        return run_until([&] {
            peer.hear();
            return peer.ended() || peer.error() != 0;
        });
    }

    std::unique_ptr<Listener> listener_;
};

}  // namespace berth

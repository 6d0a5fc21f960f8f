// Relay: every byte in order, both ends, back-pressure and resets, over real sockets.
#include "event/relay.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>

#include <algorithm>
#include <random>

#include "event/accept/front_capacity.hpp"
#include "tests/unit/event/connection_fixture.hpp"

namespace berth {

namespace {

class RelayTest : public ConnectionTest {
 protected:
    // As the server does: splice(2) to a socket whose other end is gone raises it.
    RelayTest() : pool_(loop(), 64) { ::signal(SIGPIPE, SIG_IGN); }

    // A client over TCP, a server over TCP or a unix socket, and a relay between them.
    struct Link {
        Peer client;
        Peer server;
        Connection* client_side;
        Connection* server_side;
    };
    Link link(bool server_is_unix, RelayOptions options = {}) {
        auto [client_side, client] = tcp_pair(pool_);
        auto [server_side, server] = server_is_unix ? local_pair(pool_) : tcp_pair(pool_);
        make_nonblocking(client.fd());
        make_nonblocking(server.fd());
        start(*client_side, *server_side, std::move(options));
        return {std::move(client), std::move(server), client_side, server_side};
    }
    void start(Connection& client_side, Connection& server_side, RelayOptions options) {
        options.ended = Callback<RelayEnd>::to<&RelayTest::on_ended>(*this);
        Relay::start(client_side, server_side, std::move(options));
    }
    void on_ended(RelayEnd how) {
        ++ended_;
        how_ = how;
    }
    static void make_nonblocking(int fd) { ::fcntl(fd, F_SETFL, O_NONBLOCK); }
    bool over() {
        return run_until([&] { return ended_ == 1; });
    }
    // Sends and receives pieces of random sizes until all of `bytes` have come; what came.
    std::string transfer(Peer& from, Peer& to, const std::string& bytes, std::mt19937& random) {
        std::string heard;
        std::size_t sent = 0;
        run_until([&] {
            const std::size_t size = std::min<std::size_t>(1 + random() % 200'000, bytes.size() - sent);
            const ssize_t count = size == 0 ? 0 : ::send(from.fd(), &bytes[sent], size, MSG_NOSIGNAL);
            if (count > 0) sent += static_cast<std::size_t>(count);
            if (random() % 3 != 0) heard += to.hear();
            return heard.size() >= bytes.size();
        });
        return heard;
    }

    ConnectionPool pool_;
    int ended_ = 0;
    RelayEnd how_ = RelayEnd::closed;
};

std::string random_bytes(std::size_t size, std::mt19937& random) {
    std::string bytes(size, '\0');
    for (char& byte : bytes) byte = static_cast<char>(random());
    return bytes;
}

TEST_P(RelayTest, CarriesEveryByteInOrderBothWays) {
    std::mt19937 random(7);
    for (const bool over_unix : {true, false}) {
        Link link = this->link(over_unix);
        for (const std::size_t size : {1UL, 1000UL, Relay::kPiece - 1, Relay::kPiece, Relay::kPiece + 1,
                                       3 * Relay::kPipe + 17, 2'000'000UL}) {
            const std::string up = random_bytes(size, random);
            const std::string down = random_bytes(size, random);
            ASSERT_TRUE(transfer(link.client, link.server, up, random) == up) << size;
            ASSERT_TRUE(transfer(link.server, link.client, down, random) == down) << size;
        }
        EXPECT_EQ(ended_, 0);
        link.client.hang_up();
        EXPECT_TRUE(ends(link.server));
        link.server.hang_up();
        EXPECT_TRUE(over());
        EXPECT_EQ(how_, RelayEnd::finished);
        ended_ = 0;
    }
    EXPECT_EQ(pool_.used(), 0U);
}

TEST_P(RelayTest, WhatCameBeforeGoesFirst) {
    RelayOptions options;
    options.to_server = "one ";
    auto [client_side, client] = tcp_pair(pool_);
    auto [server_side, server] = local_pair(pool_);
    client_side->unread("two ");
    server_side->unread("answer");
    client.say("three");
    Relay::start(*client_side, *server_side, std::move(options));
    EXPECT_EQ(hear(server, 13), "one two three");
    EXPECT_EQ(hear(client, 6), "answer");
}

TEST_P(RelayTest, CarriesHalfClosesBothWays) {
    for (const bool client_first : {true, false}) {
        Link link = this->link(true);
        Peer& first = client_first ? link.client : link.server;
        Peer& second = client_first ? link.server : link.client;
        first.say("last words");
        first.finish();
        EXPECT_EQ(hear(second, 10), "last words");
        EXPECT_TRUE(ends(second));
        EXPECT_EQ(ended_, 0);
        second.say("the answer");
        EXPECT_EQ(hear(first, 10), "the answer");
        second.finish();
        EXPECT_TRUE(ends(first));
        EXPECT_TRUE(over());
        EXPECT_EQ(how_, RelayEnd::finished);
        ended_ = 0;
    }
}

TEST_P(RelayTest, AResetIsPassedOnAsOne) {
    Link link = this->link(false);
    const linger reset{1, 0};
    ::setsockopt(link.client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    link.client.hang_up();
    EXPECT_TRUE(over());
    EXPECT_EQ(how_, RelayEnd::reset);
    EXPECT_TRUE(ends(link.server));
    EXPECT_EQ(link.server.error(), ECONNRESET);
}

// By the time start() returns there is nobody to be told anything.
TEST_P(RelayTest, AClientMayBeGoneWhenItBeginsInAWorkerThatDrains) {
    auto [client_side, client] = tcp_pair(pool_);
    auto [server_side, server] = tcp_pair(pool_);
    const linger reset{1, 0};
    ::setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    client.hang_up();
    ASSERT_TRUE(run_until([&] { return client_side->maybe_readable(); }));
    RelayOptions options;
    options.hurried = true;
    start(*client_side, *server_side, std::move(options));
    EXPECT_EQ(client_side->session(), nullptr);
    EXPECT_TRUE(over());
    EXPECT_EQ(how_, RelayEnd::reset);
}

TEST_P(RelayTest, InAWorkerThatDrainsItWaitsForNobodyWhoHasItsAnswer) {
    RelayOptions options;
    options.hurried = true;
    Link link = this->link(false, std::move(options));
    link.server.hang_up();
    ASSERT_TRUE(ends(link.client));
    EXPECT_EQ(pool_.idle(), 0U) << "it is not one of those that a drain closes";
    EXPECT_TRUE(over());
}

TEST_P(RelayTest, WithoutPipesBytesAreCopied) {
    Relay::limit_pipes(0);
    std::mt19937 random(7);
    const std::size_t before = free_descriptors();
    Link link = this->link(true);
    const std::string bytes = random_bytes(3 * Relay::kPipe, random);
    EXPECT_EQ(transfer(link.server, link.client, bytes, random), bytes);
    // A listener, and both ends of two connections.
    EXPECT_EQ(before - free_descriptors(), 5U);
    Relay::limit_pipes(~std::size_t{0});
    link.client.hang_up();
    link.server.hang_up();
    EXPECT_TRUE(over());
}

TEST_P(RelayTest, AClientThatHasItsAnswerMakesRoomForOthers) {
    Link link = this->link(true);
    EXPECT_EQ(pool_.idle(), 0U);
    ASSERT_EQ(::send(link.server.fd(), "answer", 6, MSG_NOSIGNAL), 6);
    link.server.hang_up();
    ASSERT_TRUE(run_until([&] { return pool_.idle() == 1; }));
    std::vector<std::pair<Connection*, Peer>> others;
    while (pool_.idle() == 1) {
        others.push_back(local_pair(pool_));
        ASSERT_NE(others.back().first, nullptr);
    }
    EXPECT_TRUE(over());
    EXPECT_EQ(hear(link.client, 6), "answer");
    EXPECT_TRUE(ends(link.client));
    EXPECT_EQ(link.client.error(), 0);
    for (auto& [connection, peer] : others) connection->close();
}

TEST_P(RelayTest, ASlowReaderHoldsTheSenderBack) {
    for (const bool over_unix : {true, false}) {
        Link link = this->link(over_unix);
        const std::string piece(65536, 'x');
        std::size_t sent = 0;
        int full = 0;
        // Until nothing more can be sent for many turns: all buffers on the way are full.
        while (full < 200) {
            const ssize_t count = ::send(link.server.fd(), piece.data(), piece.size(), MSG_NOSIGNAL);
            if (count > 0) sent += static_cast<std::size_t>(count);
            full = count > 0 ? 0 : full + 1;
            loop().run_once(Duration(0));
            ASSERT_LT(sent, 100'000'000U);
        }
        // What the relay has taken and not passed on is one piece, or a pipe.
        const std::uint64_t held = link.server_side->bytes_received() - link.client_side->bytes_sent();
        EXPECT_LE(held, Relay::kPipe);
        std::size_t heard = 0;
        ASSERT_TRUE(run_until([&] { return (heard += link.client.hear().size()) == sent; }));
        link.client.hang_up();
        link.server.hang_up();
        ASSERT_TRUE(over());
        ended_ = 0;
    }
}

TEST_P(RelayTest, AnEndIsSeenBehindWhatASlowReaderHasNotYetRead) {
    Link link = this->link(true);
    const std::string bytes(150'000, 'y');
    ASSERT_EQ(::send(link.server.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL), 150'000);
    link.server.hang_up();
    for (int i = 0; i < 20; ++i) turn();
    EXPECT_EQ(hear(link.client, bytes.size()), bytes);
    EXPECT_TRUE(ends(link.client));
    EXPECT_EQ(link.client.error(), 0);
    link.client.hang_up();
    EXPECT_TRUE(over());
}

TEST_P(RelayTest, EndsWhenNothingMovesForTheIdleTime) {
    RelayOptions options;
    options.idle = Duration(20);
    Link link = this->link(true, std::move(options));
    link.client.say("a");
    EXPECT_EQ(hear(link.server, 1), "a");
    EXPECT_TRUE(over());
    EXPECT_EQ(how_, RelayEnd::timed_out);
    EXPECT_TRUE(ends(link.client));
    EXPECT_TRUE(ends(link.server));
}

TEST_P(RelayTest, AClientThatDoesNotEndAfterTheServerIsNotWaitedForLong) {
    RelayOptions options;
    options.client_rest = Duration(20);
    Link link = this->link(true, std::move(options));
    link.server.say("bye");
    link.server.hang_up();
    EXPECT_EQ(hear(link.client, 3), "bye");
    EXPECT_TRUE(over());
    EXPECT_EQ(how_, RelayEnd::timed_out);
}

TEST_P(RelayTest, ClosingOneConnectionClosesTheOther) {
    Link link = this->link(true);
    link.client_side->close();
    EXPECT_TRUE(over());
    EXPECT_EQ(how_, RelayEnd::closed);
    EXPECT_TRUE(ends(link.server));
    EXPECT_EQ(pool_.used(), 0U);
}

// An answer that was given without reading the whole request is seen all the same.
TEST_P(RelayTest, TheLastAnswerIsNotLostToAClientThatStillSends) {
    Link link = this->link(false);
    link.server.say("enough");
    link.server.hang_up();
    const std::string piece(100'000, 'z');
    run_until([&] {
        static_cast<void>(!::send(link.client.fd(), piece.data(), piece.size(), MSG_NOSIGNAL));
        return ended_ == 1;
    });
    EXPECT_EQ(hear(link.client, 6), "enough");
}

BERTH_ON_EACH_POLLER(RelayTest);

}  // namespace

}  // namespace berth

// Tests of session replacement with protocols of our own: a preface that hands over, an echo, back-pressure.
#include "event/session.hpp"

#include <deque>

#include "core/memory/arena.hpp"
#include "tests/unit/event/connection_fixture.hpp"

namespace berth {
namespace {

// Sends back what comes, as fast as the peer reads, no faster.
class EchoSession : public Session {
 public:
    explicit EchoSession(int& alive) : alive_(alive) { ++alive_; }
    ~EchoSession() override { --alive_; }

    void on_readable() override {
        std::array<char, 16384> bytes;
        while (chain_.empty() && connection().maybe_readable()) {
            const IoResult result = connection().recv(bytes);
            if (result.would_block()) return;
            if (!result.ok()) return connection().close();
            chain_.append_copy(arena_, {bytes.data(), result.bytes});
            send();
        }
    }
    void on_writable() override {
        send();
        if (chain_.empty()) on_readable();
    }

 private:
    void send() {
        if (connection().send(chain_).failed()) return connection().close();
        if (chain_.empty()) arena_.release();
    }

    int& alive_;
    Arena arena_;
    Chain chain_;
};

// Answers each line in capitals; "quit" closes.
class ShoutSession : public Session {
 public:
    explicit ShoutSession(int& alive) : alive_(alive) { ++alive_; }
    ~ShoutSession() override { --alive_; }

    void on_readable() override {
        std::array<char, 7> bytes;  // smaller than a line: lines arrive in pieces
        while (connection().maybe_readable()) {
            const IoResult result = connection().recv(bytes);
            if (result.would_block()) return;
            if (!result.ok()) return connection().close();
            line_.append(bytes.data(), result.bytes);
            if (!answer()) return;
        }
    }

 private:
    bool answer() {
        for (std::size_t end; (end = line_.find('\n')) != std::string::npos; line_.erase(0, end + 1)) {
            std::string out = line_.substr(0, end + 1);
            for (char& c : out) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
            Arena arena;
            Chain chain;
            chain.append_text(arena, out);
            connection().send(chain);
            if (out == "QUIT\n")
                return connection().lingering_close(std::chrono::hours(1), std::chrono::hours(1)), false;
        }
        return true;
    }

    int& alive_;
    std::string line_;
};

// Reads the first line, which names the session that follows; what came after the line belongs to that one.
class PrefaceSession : public Session {
 public:
    explicit PrefaceSession(int& alive) : alive_(alive) { ++alive_; }
    ~PrefaceSession() override { --alive_; }

    void on_readable() override {
        std::array<char, 256> bytes;
        while (connection().maybe_readable()) {
            const IoResult result = connection().recv(bytes);
            if (result.would_block()) return;
            if (!result.ok()) return connection().close();
            seen_.append(bytes.data(), result.bytes);
            const std::size_t end = seen_.find('\n');
            if (end != std::string::npos) return hand_over(end);
        }
    }

 private:
    void hand_over(std::size_t end) {
        connection().unread(std::string_view(seen_).substr(end + 1));
        const std::string_view name = std::string_view(seen_).substr(0, end);
        if (name == "ECHO") return connection().set_session(std::make_unique<EchoSession>(alive_));
        if (name == "SHOUT") return connection().set_session(std::make_unique<ShoutSession>(alive_));
        const int before = alive_;
        connection().close();
        EXPECT_EQ(alive_, before)
            << "a session exists until the end of the turn in which it closed the connection";
    }

    int& alive_;
    std::string seen_;
};

class SessionTest : public ConnectionTest {
 protected:
    Peer open(bool tcp = false) {
        auto [connection, peer] = tcp ? tcp_pair(pool_) : local_pair(pool_);
        connection->set_session(std::make_unique<PrefaceSession>(alive_));
        return std::move(peer);
    }

    ConnectionPool pool_{loop(), 64};
    int alive_ = 0;
};
BERTH_ON_EACH_POLLER(SessionTest);

TEST_P(SessionTest, APrefaceHandsOverWithItsSurplus) {
    for (bool tcp : {false, true}) {
        Peer peer = open(tcp);
        peer.say("SHOUT\nhello\nwor");
        EXPECT_EQ(hear(peer, 6), "HELLO\n");
        EXPECT_EQ(alive_, 1) << "the preface is gone";
        peer.say("ld\n");
        EXPECT_EQ(hear(peer, 6), "WORLD\n");
        peer.hang_up();
        EXPECT_TRUE(run_until([&] { return pool_.used() == 0; }));
        turn();
        EXPECT_EQ(alive_, 0);
    }
}

TEST_P(SessionTest, APrefaceInPiecesAndAnUnknownOne) {
    Peer peer = open(true);
    for (const char* piece : {"E", "CH", "O\nx"}) {
        peer.say(piece);
        turn();
    }
    EXPECT_EQ(hear(peer, 1), "x");
    Peer stranger = open(true);
    stranger.say("GOPHER\n");
    EXPECT_TRUE(ends(stranger));
    EXPECT_EQ(pool_.used(), 1u);
}

TEST_P(SessionTest, MegabytesGoThroughWithBackPressure) {
    for (bool tcp : {false, true}) {
        Peer peer = open(tcp);
        peer.say("ECHO\n");
        std::string sent;
        for (int i = 0; sent.size() < 4'000'000; ++i) sent += std::to_string(i) + ',';
        std::string heard;
        std::size_t said = 0;
        ASSERT_TRUE(run_until([&] {
            const ssize_t put =
                ::send(peer.fd(), sent.data() + said, sent.size() - said, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (put > 0) said += static_cast<std::size_t>(put);
            if (put <= 0) heard += peer.hear();  // only once everything on the way is full
            return heard.size() == sent.size();
        })) << heard.size();
        EXPECT_TRUE(heard == sent);
    }
}

TEST_P(SessionTest, LingeringCloseDeliversTheLastAnswerAndWaitsForThePeer) {
    Peer peer = open(true);
    peer.say("SHOUT\nquit\n");
    // More than it reads: closing at once would reset the connection, and lose the answer.
    peer.say(std::string(100'000, 'x'));
    EXPECT_EQ(hear(peer, 5), "QUIT\n");
    EXPECT_TRUE(ends(peer));
    EXPECT_EQ(peer.error(), 0);
    EXPECT_EQ(pool_.used(), 1u);
    EXPECT_EQ(alive_, 0);
    peer.hang_up();
    EXPECT_TRUE(run_until([&] { return pool_.used() == 0; }));
}

TEST_P(SessionTest, LingeringEndsAtItsTimeout) {
    auto [connection, peer] = tcp_pair(pool_);
    connection->lingering_close(std::chrono::hours(1), Duration(1));
    EXPECT_TRUE(run_until([&] { return pool_.used() == 0; }));
}

TEST_P(SessionTest, ManyConnectionsAtOnce) {
    std::deque<Peer> peers;
    for (int i = 0; i < 60; ++i) peers.push_back(open(i % 2 == 0));
    for (std::size_t i = 0; i < peers.size(); ++i)
        peers[i].say((i % 3 == 0 ? "ECHO\n" : "SHOUT\n") + std::string("abc\n"));
    for (std::size_t i = 0; i < peers.size(); ++i)
        EXPECT_EQ(hear(peers[i], 4), i % 3 == 0 ? "abc\n" : "ABC\n");
    EXPECT_EQ(alive_, 60);
}

}  // namespace
}  // namespace berth

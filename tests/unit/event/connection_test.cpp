// Tests of connections: deadlines, idleness, eviction, the ways to end, and waiting in coroutines.
#include "event/connection.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <vector>

#include "event/async/root.hpp"
#include "event/process/scoreboard.hpp"
#include "tests/unit/event/connection_fixture.hpp"

namespace berth {
namespace {

// Writes down what it is told.
class Diary : public Session {
 public:
    explicit Diary(std::vector<std::string>& pages) : pages_(pages) {}
    ~Diary() override { pages_.push_back("destroyed"); }
    void on_start() override { pages_.push_back("start"); }
    void on_readable() override { pages_.push_back("readable"); }
    void on_writable() override { pages_.push_back("writable"); }
    void on_deadline() override { pages_.push_back("deadline"); }
    void on_evict() override {
        pages_.push_back("evict");
        Session::on_evict();
    }

 private:
    std::vector<std::string>& pages_;
};

class ConnectionsTest : public ConnectionTest {
 protected:
    using Pages = std::vector<std::string>;
    Pages pages_;
    ConnectionPool pool_{loop(), 4};
};
BERTH_ON_EACH_POLLER(ConnectionsTest);

TEST_P(ConnectionsTest, CountWhereTheirListenerCountedThen) {
    ListenerCounters counters{};
    ListenerCounters later{};
    tcp_pair(pool_).first->close();
    listener_->count_in(&counters);
    auto [connection, peer] = tcp_pair(pool_);
    EXPECT_EQ(counters.open.load(), 1U);
    listener_->count_in(&later);
    connection->idle(true);
    connection->idle(true);
    EXPECT_EQ(counters.idle.load(), 1U);
    peer.say("hello");
    std::array<char, 16> bytes;
    EXPECT_TRUE(run_until([&] { return connection->maybe_readable() && connection->recv(bytes).ok(); }));
    EXPECT_EQ(counters.received.load(), 5U);
    Arena arena;
    Chain chain;
    chain.append_text(arena, "bye");
    connection->send(chain);
    EXPECT_EQ(counters.sent.load(), 3U);
    connection->close();
    EXPECT_EQ(counters.open.load(), 0U);
    EXPECT_EQ(counters.idle.load(), 0U);
    EXPECT_EQ(later.open.load(), 0U);
}

TEST_P(ConnectionsTest, AnIdleConnectionIsSmall) {
    EXPECT_LE(sizeof(Connection) + sizeof(Session), 450u);
    RecordProperty("sizeof_connection", static_cast<int>(sizeof(Connection)));
}

TEST_P(ConnectionsTest, KnowsWhoIsAtItsEnds) {
    auto [connection, peer] = tcp_pair(pool_);
    EXPECT_EQ(connection->peer(), Address::of_socket(peer.fd()));
    EXPECT_EQ(connection->local(), listener_->address());
    EXPECT_EQ(connection->listener(), listener_.get());
    auto [second, other] = tcp_pair(pool_);
    EXPECT_EQ(second->number(), connection->number() + 1);
    int on = 0;
    socklen_t length = sizeof on;
    ::getsockopt(connection->fd(), IPPROTO_TCP, TCP_NODELAY, &on, &length);
    EXPECT_NE(on, 0) << "inherited from the listener";
    std::string line;
    LogFields fields(line, false);
    connection->describe(fields);
    EXPECT_NE(line.find("client: 127.0.0.1"), std::string::npos) << line;
}

TEST_P(ConnectionsTest, TellsOfReadinessAndDestroysTheSessionAtTheEndOfTheTurn) {
    auto [connection, peer] = local_pair(pool_);
    connection->set_session(std::make_unique<Diary>(pages_));
    turn();
    EXPECT_EQ(pages_, Pages{"start"}) << "that it can write at first is no news";
    peer.say("abc");
    turn();
    EXPECT_EQ(pages_.back(), "readable");
    std::array<char, 2> two;
    EXPECT_EQ(connection->recv(two).bytes, 2u);
    EXPECT_TRUE(connection->maybe_readable());
    connection->poke();
    turn();
    EXPECT_EQ(pages_.size(), 3u);
    std::array<char, 64> bytes;
    EXPECT_EQ(connection->recv(bytes).bytes, 1u);
    EXPECT_FALSE(connection->maybe_readable()) << "a short read emptied it: no second call is needed";
    connection->poke();
    turn();
    EXPECT_EQ(pages_.size(), 3u);
    EXPECT_EQ(connection->bytes_received(), 3u);
    connection->close();
    connection->close();
    EXPECT_TRUE(connection->closed());
    EXPECT_EQ(pages_.size(), 3u);
    turn();
    EXPECT_EQ(pages_.back(), "destroyed");
}

// Answers what came with the same bytes, and is over.
class AnswerOnce : public Session {
 public:
    explicit AnswerOnce(std::string& heard) : heard_(heard) {}
    void on_readable() override {
        std::array<char, 64> bytes;
        const IoResult got = connection().recv(bytes);
        if (!got.ok()) return;
        heard_.assign(bytes.data(), got.bytes);
        Arena arena;
        Chain chain;
        chain.append_text(arena, heard_);
        connection().send(chain, Transport::kNoLimit, Then::end);
        connection().finish();
    }

 private:
    std::string& heard_;
};

TEST_P(ConnectionsTest, ANewOneIsReadBeforeThePollerIsAsked) {
    auto [connection, peer] = tcp_pair(pool_);
    peer.say("one question");
    std::string heard;
    connection->set_session(std::make_unique<AnswerOnce>(heard));
    const auto events = loop().counters().events;
    turn();
    EXPECT_EQ(heard, "one question");
    EXPECT_EQ(loop().counters().events, events) << "the poller never knew of it";
    EXPECT_EQ(hear(peer, 12), "one question");
    EXPECT_TRUE(ends(peer));
}

TEST_P(ConnectionsTest, AfterNewOnesThatWereSilentTheNextIsWatchedAtOnce) {
    auto [connection, peer] = tcp_pair(pool_);
    std::string heard;
    connection->set_session(std::make_unique<AnswerOnce>(heard));
    turn();
    auto [second, silent] = tcp_pair(pool_);
    std::string nothing;
    second->set_session(std::make_unique<AnswerOnce>(nothing));
    turn();
    auto [third, other] = tcp_pair(pool_);
    third->set_session(std::make_unique<Diary>(pages_));
    turn();
    EXPECT_EQ(pages_, Pages{"start"});
    peer.say("late");
    other.say("late, too");
    EXPECT_TRUE(run_until([&] { return heard == "late" && pages_.back() == "readable"; }));
}

TEST_P(ConnectionsTest, OneThatIsReadFirstIsWatchedAfterwards) {
    auto [connection, peer] = tcp_pair(pool_);
    connection->set_session(std::make_unique<Diary>(pages_));
    peer.say("first");
    turn();
    EXPECT_EQ(pages_.back(), "readable");
    std::array<char, 64> bytes;
    EXPECT_EQ(connection->recv(bytes).bytes, 5u);
    turn();
    const std::size_t told = pages_.size();
    peer.say("second");
    EXPECT_TRUE(run_until([&] { return pages_.size() > told; }));
    EXPECT_EQ(connection->recv(bytes).bytes, 6u);
}

// Reads before it is told that there is something.
class EagerDiary final : public Diary {
 public:
    using Diary::Diary;
    void on_start() override {
        std::array<char, 64> bytes;
        EXPECT_EQ(connection().recv(bytes).bytes, 5u);
    }
};

TEST_P(ConnectionsTest, OneWhoseSessionReadsAtItsStartIsWatchedAfterwards) {
    auto [connection, peer] = tcp_pair(pool_);
    peer.say("first");
    connection->set_session(std::make_unique<EagerDiary>(pages_));
    turn();
    EXPECT_EQ(pages_, Pages{});
    peer.say("second");
    EXPECT_TRUE(run_until([&] { return pages_ == Pages{"readable"}; }));
}

TEST_P(ConnectionsTest, TheLastBytesArriveAlthoughMoreCameThanWasRead) {
    auto [connection, peer] = tcp_pair(pool_);
    peer.say(std::string(100, 'q'));
    std::string heard;
    connection->set_session(std::make_unique<AnswerOnce>(heard));
    turn();
    EXPECT_EQ(hear(peer, 64), std::string(64, 'q'));
}

TEST_P(ConnectionsTest, BytesAndTheEndTogetherAreReadToTheEnd) {
    auto [connection, peer] = tcp_pair(pool_);
    connection->set_session(std::make_unique<Diary>(pages_));
    peer.say("last words");
    peer.finish();
    ASSERT_TRUE(run_until([&] { return connection->peer_closed(); }));
    std::array<char, 64> bytes;
    EXPECT_EQ(connection->recv(bytes).bytes, 10u);
    EXPECT_TRUE(connection->maybe_readable()) << "no further event would come";
    EXPECT_TRUE(connection->recv(bytes).closed());
}

TEST_P(ConnectionsTest, WhatIsUnreadComesFirst) {
    auto [connection, peer] = local_pair(pool_);
    peer.say("world");
    connection->unread("lo ");
    connection->unread("hel");
    std::array<char, 4> bytes;
    std::string all;
    for (IoResult r = connection->recv(bytes); r.ok(); r = connection->recv(bytes))
        all.append(bytes.data(), r.bytes);
    EXPECT_EQ(all, "hello world");
    connection->unread("x");
    EXPECT_EQ(connection->take_unread(), "x");
    EXPECT_FALSE(connection->has_unread());
}

TEST_P(ConnectionsTest, TheDeadlineComesOnceAndCanBeMoved) {
    auto [connection, peer] = local_pair(pool_);
    connection->set_session(std::make_unique<Diary>(pages_));
    connection->deadline(Duration(1));
    connection->deadline(std::chrono::hours(1));
    connection->no_deadline();
    connection->deadline(Duration(2));
    EXPECT_TRUE(run_until([&] { return pages_.back() == "deadline"; }));
    turn();
    EXPECT_EQ(pages_.size(), 2u);
}

TEST_P(ConnectionsTest, WithoutASessionTheDeadlineCloses) {
    auto [connection, peer] = local_pair(pool_);
    connection->deadline(Duration(1));
    EXPECT_TRUE(ends(peer));
}

TEST_P(ConnectionsTest, AbortResetsThePeer) {
    auto [connection, peer] = tcp_pair(pool_);
    connection->abort();
    Peer& end = peer;
    EXPECT_TRUE(ends(end));
    EXPECT_EQ(end.error(), ECONNRESET);
}

TEST_P(ConnectionsTest, WhenShortTheLongestIdleIsEvicted) {
    std::vector<Peer> peers;
    std::vector<Connection*> connections;
    for (int i = 0; i < 4; ++i) {
        auto [connection, peer] = local_pair(pool_);
        connection->set_session(std::make_unique<Diary>(pages_));
        connections.push_back(connection);
        peers.push_back(std::move(peer));
    }
    EXPECT_EQ(pool_.free(), 0u);
    EXPECT_FALSE(pool_.make_room());
    auto [refused, lost] = local_pair(pool_);
    EXPECT_EQ(refused, nullptr);
    EXPECT_TRUE(ends(lost)) << "a refused descriptor is closed";

    connections[2]->idle(true);
    connections[1]->idle(true);
    connections[2]->idle(true);  // most recently used now
    EXPECT_EQ(pool_.idle(), 2u);
    EXPECT_TRUE(pool_.make_room());
    EXPECT_EQ(pool_.idle(), 1u);
    auto [admitted, peer] = local_pair(pool_);
    EXPECT_NE(admitted, nullptr);
    EXPECT_TRUE(connections[1]->closed());
    EXPECT_FALSE(connections[2]->closed());
    EXPECT_EQ(pool_.evicted(), 1u);
    connections[2]->idle(false);
    EXPECT_FALSE(pool_.make_room());
}

// It has just begun to say something.
class Staying final : public Session {
    void on_readable() override {}
    void on_evict() override {}
};

TEST_P(ConnectionsTest, OneThatDoesNotGoWhenItIsAskedMakesNoRoom) {
    tcp_pair(pool_).first->close();
    turn();
    std::vector<Peer> peers;
    while (pool_.make_room()) {
        auto [connection, peer] = local_pair(pool_);
        connection->set_session(std::make_unique<Staying>());
        connection->idle(true);
        peers.push_back(std::move(peer));
    }
    EXPECT_EQ(pool_.idle(), 0U);
    EXPECT_EQ(pool_.evicted(), 0U);
    pool_.for_each([](Connection& connection) { connection.idle(true); });
    EXPECT_EQ(pool_.connect(listener_->address()), nullptr);
    EXPECT_FALSE(listener_->somebody_waits());
}

TEST_P(ConnectionsTest, RoomIsMadeBesidesWhatIsReserved) {
    std::vector<Peer> peers;
    for (int i = 0; i < 3; ++i) {
        auto [connection, peer] = local_pair(pool_);
        connection->idle(true);
        peers.push_back(std::move(peer));
    }
    pool_.reserve();
    pool_.reserve();
    EXPECT_TRUE(pool_.make_room());
    EXPECT_EQ(pool_.used(), 1U);
    pool_.unreserve();
    pool_.unreserve();
}

TEST_P(ConnectionsTest, AFullPoolConnectsToNobody) {
    tcp_pair(pool_).first->close();
    turn();
    std::vector<Peer> peers;
    while (pool_.make_room()) peers.push_back(std::move(local_pair(pool_).second));
    EXPECT_EQ(pool_.connect(listener_->address()), nullptr);
    EXPECT_EQ(errno, ENOBUFS);
    EXPECT_FALSE(listener_->somebody_waits());
}

TEST_P(ConnectionsTest, AProtectedOneWaitsToo) {
    ListenerCounters counters{};
    tcp_pair(pool_).first->close();
    listener_->count_in(&counters);
    auto [connection, peer] = tcp_pair(pool_);
    connection->idle(true, false);
    EXPECT_EQ(counters.idle.load(), 1U);
    EXPECT_FALSE(connection->may_be_evicted());
    EXPECT_EQ(pool_.idle(), 0U);
    connection->idle(true);
    EXPECT_EQ(counters.idle.load(), 1U) << "it is the same one";
    EXPECT_TRUE(connection->may_be_evicted());
    connection->idle(true, false);
    EXPECT_EQ(pool_.idle(), 0U);
    connection->idle(false);
    EXPECT_EQ(counters.idle.load(), 0U);
    connection->idle(true, false);
    connection->close();
    EXPECT_EQ(counters.idle.load(), 0U);
}

TEST_P(ConnectionsTest, DrainingClosesIdleOnesAndTellsWhenAllAreGone) {
    auto [busy, one] = local_pair(pool_);
    auto [idle, two] = local_pair(pool_);
    busy->set_session(std::make_unique<Diary>(pages_));
    idle->set_session(std::make_unique<Diary>(pages_));
    idle->idle(true);
    bool empty = false;
    pool_.when_empty(Callback<>([](void* flag) { *static_cast<bool*>(flag) = true; }, &empty));
    pool_.drain();
    EXPECT_TRUE(idle->closed());
    EXPECT_FALSE(busy->closed());
    EXPECT_FALSE(empty);
    busy->idle(true);
    pool_.close_idle();
    EXPECT_TRUE(empty);
    EXPECT_EQ(pool_.used(), 0u);
}

TEST_P(ConnectionsTest, SlotsAreUsedAgain) {
    Connection* first = nullptr;
    for (int i = 0; i < 1000; ++i) {
        auto [connection, peer] = local_pair(pool_);
        ASSERT_NE(connection, nullptr);
        if (first == nullptr) first = connection;
        EXPECT_EQ(connection, first);
        connection->close();
        turn();
    }
}

TEST_P(ConnectionsTest, APoolClosesWhatIsLeft) {
    auto pool = std::make_unique<ConnectionPool>(loop(), 4);
    auto [open, one] = local_pair(*pool);
    auto [closed, two] = local_pair(*pool);
    open->set_session(std::make_unique<Diary>(pages_));
    closed->close();
    pool.reset();
    EXPECT_EQ(pages_.back(), "destroyed");
    EXPECT_TRUE(ends(one));
}

// --- waiting in coroutines

Async<std::string> read_line(Scope&, Connection& connection, Duration time) {
    std::string line;
    char byte = 0;
    while (byte != '\n') {
        Wake wake = co_await connection.readable(time);
        if (wake == Wake::timed_out) co_return "timed out";
        if (wake == Wake::closed) co_return "closed";
        const IoResult result = connection.recv({&byte, 1});
        if (result.closed()) co_return "end";
        if (result.ok()) line += byte;
    }
    co_return line;
}

Async<Result<std::size_t>> write_all(Scope&, Connection& connection, Chain& chain) {
    std::size_t sent = 0;
    for (;;) {
        const IoResult result = connection.send(chain);
        sent += result.bytes;
        if (result.failed()) co_return system_error("send", "", result.error_number);
        if (chain.empty()) co_return sent;
        Wake wake = co_await connection.writable();
        if (wake != Wake::ready) co_return Error("closed");
    }
}

constexpr Continuation kIgnore{[](void*) {}, nullptr};

TEST_P(ConnectionsTest, ACoroutineReadsAsBytesCome) {
    auto [connection, peer] = tcp_pair(pool_);
    OwnScope scope(loop());
    Root<std::string> root;
    root.start(read_line(scope, *connection, std::chrono::hours(1)), kIgnore);
    peer.say("hel");
    turn();
    EXPECT_TRUE(root.running());
    peer.say("lo\nmore\n");
    EXPECT_TRUE(run_until([&] { return !root.running(); }));
    EXPECT_EQ(root.take(), "hello\n");
    EXPECT_TRUE(root.start(read_line(scope, *connection, Duration(-1)), kIgnore))
        << "what is there needs no wait";
    EXPECT_EQ(root.take(), "more\n");
    peer.hang_up();
    root.start(read_line(scope, *connection, Duration(-1)), kIgnore);
    EXPECT_TRUE(run_until([&] { return !root.running(); }));
    EXPECT_EQ(root.take(), "end");
}

TEST_P(ConnectionsTest, AWaitEndsAtItsDeadlineAndWhenTheConnectionIsClosed) {
    auto [connection, peer] = local_pair(pool_);
    OwnScope scope(loop());
    Root<std::string> root;
    root.start(read_line(scope, *connection, Duration(1)), kIgnore);
    EXPECT_TRUE(run_until([&] { return !root.running(); }));
    EXPECT_EQ(root.take(), "timed out");
    root.start(read_line(scope, *connection, std::chrono::hours(1)), kIgnore);
    connection->close();
    EXPECT_TRUE(root.running()) << "who closes does not run the waiter";
    turn();
    EXPECT_FALSE(root.running());
    EXPECT_EQ(root.take(), "closed");
}

TEST_P(ConnectionsTest, ACancelledWaitLeavesTheConnectionToItsSession) {
    auto [connection, peer] = local_pair(pool_);
    connection->set_session(std::make_unique<Diary>(pages_));
    OwnScope scope(loop());
    {
        Root<std::string> root;
        root.start(read_line(scope, *connection, std::chrono::hours(1)), kIgnore);
        EXPECT_TRUE(root.running());
    }
    peer.say("x");
    turn();
    EXPECT_EQ(pages_.back(), "readable");
    Root<std::string> closing;
    char byte;
    connection->recv({&byte, 1});
    connection->recv({&byte, 1});
    closing.start(read_line(scope, *connection, std::chrono::hours(1)), kIgnore);
    connection->close();
    closing.destroy();  // cancelled between the closing and its being told
    turn();
    EXPECT_EQ(pages_.back(), "destroyed");
}

TEST_P(ConnectionsTest, ACoroutineWritesWithBackPressure) {
    auto [connection, peer] = tcp_pair(pool_);
    OwnScope scope(loop());
    Arena arena;
    Chain chain;
    const std::string text(8'000'000, 'x');
    chain.append_text(arena, text);
    Root<Result<std::size_t>> root;
    EXPECT_FALSE(root.start(write_all(scope, *connection, chain), kIgnore));
    std::size_t heard = 0;
    Peer& end = peer;
    EXPECT_TRUE(run_until([&] {
        heard += end.hear().size();
        return !root.running() && heard == text.size();
    }));
    EXPECT_EQ(*root.take(), text.size());
    EXPECT_EQ(connection->bytes_sent(), text.size());
}

Async<int> dial(Scope&, ConnectionPool& pool, const Address& to, Connection*& made) {
    made = pool.connect(to);
    if (made == nullptr) co_return errno;
    Wake wake = co_await made->writable(std::chrono::hours(1));
    if (wake != Wake::ready) co_return ETIMEDOUT;
    co_return ConnectionPool::connect_error(*made);
}

TEST_P(ConnectionsTest, ConnectsAndTellsWhyNot) {
    auto [accepted, peer] = tcp_pair(pool_);
    OwnScope scope(loop());
    Connection* made = nullptr;
    Root<int> root;
    const Address listening = listener_->address();
    root.start(dial(scope, pool_, listening, made), kIgnore);
    EXPECT_TRUE(run_until([&] { return !root.running(); }));
    EXPECT_EQ(root.take(), 0);
    EXPECT_EQ(made->peer(), listening);
    made->close();

    listener_->close();
    root.start(dial(scope, pool_, listening, made), kIgnore);
    EXPECT_TRUE(run_until([&] { return !root.running(); }));
    EXPECT_EQ(root.take(), ECONNREFUSED);
}

}  // namespace
}  // namespace berth

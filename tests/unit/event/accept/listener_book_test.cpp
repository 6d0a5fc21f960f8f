// ListenerBook: shared keys, shared ports, errors that are told and forgotten; and the messages about them.
#include "event/accept/listener_book.hpp"

#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "tests/unit/event/loop_fixture.hpp"

namespace berth {

namespace {

class Asker final : public HandoffTarget {
 public:
    using HandoffTarget::HandoffTarget;
    std::vector<std::size_t> sent;  // numbers of the listeners

 private:
    std::size_t send(std::span<const HandedConnection* const> connections) override {
        for (const HandedConnection* connection : connections) sent.push_back(connection->listener->index());
        return connections.size();
    }
};

class ListenerBookTest : public LoopTest {
 protected:
    ListenerBookTest() : engine_(loop()), book_(engine_, counters_), one_(0), two_(1) {
        engine_.configure({8, 8, Duration(60'000), 1 << 30}, log_);
    }
    static ListenQuestion question(std::uint16_t port, unsigned index = 0) {
        ListenQuestion question;
        question.number = 7;
        question.address = Address::ipv4(INADDR_LOOPBACK, port);
        question.index = index;
        return question;
    }
    ListenAnswer ask(const ListenQuestion& question, Asker& asker) {
        Result<ListenAnswer> answer = book_.ask(question, asker, true);
        EXPECT_TRUE(answer.ok());
        return answer.ok() ? *answer : ListenAnswer();
    }
    static bool connects(const Address& to) {
        const FileDescriptor fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return ::connect(fd.get(), to.data(), to.length()) == 0;
    }

    Log log_;
    ListenerCounters counters_{};
    HandoffEngine engine_;
    ListenerBook book_;
    Asker one_;
    Asker two_;
};

BERTH_ON_EACH_POLLER(ListenerBookTest);

TEST_P(ListenerBookTest, TheSameKeyIsTheSameSocket) {
    const ListenAnswer first = ask(question(0), one_);
    EXPECT_EQ(first.number, 7U);
    EXPECT_EQ(first.error, 0);
    EXPECT_NE(first.address.port(), 0U);
    const ListenAnswer second = ask(question(0), two_);
    EXPECT_EQ(second.address, first.address);
    EXPECT_EQ(second.listener, first.listener);
    EXPECT_EQ(book_.size(), 1U);
    EXPECT_TRUE(connects(first.address));
    EXPECT_TRUE(connects(first.address));
    EXPECT_TRUE(run_until([&] { return one_.sent.size() == 1 && two_.sent.size() == 1; }));
    EXPECT_EQ(one_.sent[0], first.listener);
}

TEST_P(ListenerBookTest, TheSecondListenOfAWorkerIsAnotherPort) {
    const ListenAnswer first = ask(question(0, 0), one_);
    const ListenAnswer second = ask(question(0, 1), one_);
    EXPECT_NE(second.address.port(), first.address.port());
    EXPECT_NE(second.listener, first.listener);
}

TEST_P(ListenerBookTest, AnErrorIsToldAndForgotten) {
    std::uint16_t port = 0;
    {
        Listener other(Address::ipv4(INADDR_LOOPBACK, 0), ListenOptions());
        ASSERT_TRUE(other.bind_and_listen());
        port = other.address().port();
        Result<ListenAnswer> answer = book_.ask(question(port), one_, true);
        ASSERT_FALSE(answer.ok());
        EXPECT_EQ(answer.error().code, EADDRINUSE);
        EXPECT_EQ(book_.size(), 0U);
    }
    EXPECT_EQ(ask(question(port), two_).address.port(), port);
}

TEST_P(ListenerBookTest, TheFirstAskersOptionsWin) {
    ListenQuestion first = question(0);
    first.address = *Address::parse("[::]:0");
    first.ipv6_only = false;
    const ListenAnswer answer = ask(first, one_);
    ListenQuestion second = first;
    second.ipv6_only = true;
    EXPECT_EQ(ask(second, two_).address, answer.address);
    EXPECT_TRUE(connects(Address::ipv4(INADDR_LOOPBACK, answer.address.port())));
}

// What the kernel has: tcp_info has no member of its own for a listening socket's limit.
int backlog_of(int fd) {
    tcp_info info{};
    socklen_t length = sizeof info;
    EXPECT_EQ(::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    return static_cast<int>(info.tcpi_sacked);
}

TEST_P(ListenerBookTest, TheFirstAskersBacklogIsTheKernels) {
    ListenQuestion first = question(0);
    first.backlog = 77;
    const ListenAnswer answer = ask(first, one_);
    ListenQuestion second = first;
    second.backlog = 99;
    ask(second, two_);
    const std::string inheritance = book_.inheritance();
    EXPECT_EQ(backlog_of(std::atoi(inheritance.c_str())), 77) << inheritance;
    EXPECT_TRUE(connects(answer.address));
}

// As the kernel has it: whether others may take the port of IPv4 depends on what else runs on this machine.
TEST_P(ListenerBookTest, ASocketOfIpv6IsForIpv6AloneUnlessTheAskerSaysOtherwise) {
    for (const bool alone : {true, false}) {
        ListenQuestion six = question(0, alone ? 0 : 1);
        six.address = *Address::parse("[::]:0");
        six.ipv6_only = alone;
        if (!book_.ask(six, one_, true)) GTEST_SKIP() << "no IPv6 here";
        const std::string all = book_.inheritance();
        const std::size_t last = all.rfind('\n', all.size() - 2);
        const int fd = std::atoi(all.c_str() + (last == std::string::npos ? 0 : last + 1));
        int only = -1;
        socklen_t length = sizeof only;
        EXPECT_EQ(::getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only, &length), 0);
        EXPECT_EQ(only, alone ? 1 : 0);
    }
}

TEST_P(ListenerBookTest, TheLastToLeaveClosesIt) {
    const ListenAnswer answer = ask(question(0), one_);
    ask(question(0), two_);
    book_.leave(question(0), one_);
    turn();
    EXPECT_TRUE(connects(answer.address));
    book_.leave(question(0), two_);
    turn();
    EXPECT_FALSE(connects(answer.address));
    EXPECT_EQ(book_.size(), 0U);
}

TEST_P(ListenerBookTest, WhoLeavesAndAsksAgainHasItsShareAgain) {
    const ListenAnswer answer = ask(question(0), one_);
    ask(question(0), two_);
    book_.leave(question(0), one_);
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(connects(answer.address));
    EXPECT_TRUE(run_until([&] { return two_.sent.size() == 4; }));
    EXPECT_TRUE(one_.sent.empty());
    EXPECT_EQ(ask(question(0), one_).address, answer.address);
    for (int i = 0; i < 4; ++i) EXPECT_TRUE(connects(answer.address));
    EXPECT_TRUE(run_until([&] { return one_.sent.size() + two_.sent.size() == 8; }));
    EXPECT_EQ(one_.sent.size(), 2U);
}

TEST_P(ListenerBookTest, WhenAllHaveDiedItIsHeldForAWhile) {
    book_.limit(64, Duration(20));
    const ListenAnswer answer = ask(question(0), one_);
    engine_.ended(one_);
    book_.forget(one_);
    EXPECT_TRUE(connects(answer.address));
    EXPECT_EQ(ask(question(0), two_).address, answer.address);
    EXPECT_TRUE(run_until([&] { return two_.sent.size() == 1; }));
    engine_.ended(two_);
    book_.forget(two_);
    EXPECT_TRUE(run_until([&] { return book_.size() == 0; }));
    EXPECT_FALSE(connects(answer.address));
}

TEST_P(ListenerBookTest, WhoIsNotOnlineYetWaitsForIt) {
    Result<ListenAnswer> answer = book_.ask(question(0), one_, false);
    ASSERT_TRUE(answer.ok());
    EXPECT_TRUE(connects(answer->address));
    for (int i = 0; i < 5; ++i) turn();
    EXPECT_TRUE(one_.sent.empty());
    book_.join(one_);
    EXPECT_TRUE(run_until([&] { return one_.sent.size() == 1; }));
}

TEST_P(ListenerBookTest, AnAskerHasNoMoreKeysThanItMay) {
    book_.limit(2, Duration(10'000));
    ask(question(0, 0), one_);
    ask(question(0, 1), one_);
    const Result<ListenAnswer> third = book_.ask(question(0, 2), one_, true);
    ASSERT_FALSE(third.ok());
    EXPECT_EQ(third.error().code, EMFILE);
    EXPECT_NE(third.error().message.find("handoff_listens"), std::string::npos);
    ask(question(0, 1), one_);  // which it has
    ask(question(0, 2), two_);
    book_.leave(question(0, 0), one_);
    ask(question(0, 2), one_);
}

TEST_P(ListenerBookTest, TheNextBinaryGoesOnWithWhatIsAskedForAgain) {
    const ListenAnswer kept = ask(question(0, 0), one_);
    const ListenAnswer given_up = ask(question(0, 1), one_);
    // What the child that becomes the next binary has: the same numbers, of copies.
    const std::string text = book_.inheritance();
    ListenerCounters counters{};
    HandoffEngine engine(loop());
    engine.configure({8, 8, Duration(60'000), 1 << 30}, log_);
    ListenerBook next(engine, counters);
    next.limit(64, Duration(20));
    const std::size_t second_line = text.find('\n') + 1;
    const std::string copies = std::to_string(::dup(std::atoi(text.c_str()))) +
                               text.substr(text.find(' '), second_line - text.find(' ')) +
                               std::to_string(::dup(std::atoi(text.c_str() + second_line))) +
                               text.substr(text.find(' ', second_line));
    ASSERT_TRUE(next.inherit(copies));
    EXPECT_EQ(next.size(), 2U);
    const Result<ListenAnswer> again = next.ask(question(0, 0), two_, true);
    ASSERT_TRUE(again.ok());
    EXPECT_EQ(again->address, kept.address);
    book_.leave(question(0, 0), one_);
    book_.leave(question(0, 1), one_);
    EXPECT_TRUE(connects(kept.address));
    EXPECT_TRUE(run_until([&] { return two_.sent.size() == 1; }));
    EXPECT_TRUE(run_until([&] { return next.size() == 1; }));
    EXPECT_FALSE(connects(given_up.address));
}

TEST_P(ListenerBookTest, WhatIsNoSocketIsNotInherited) {
    for (const char* text :
         {"x 0 511 127.0.0.1:0", "0 0 511 127.0.0.1:0", "99999 0 511 127.0.0.1:0", "3", "3 0 511 "}) {
        EXPECT_FALSE(book_.inherit(text)) << text;
    }
    EXPECT_EQ(book_.size(), 0U);
}

TEST_P(ListenerBookTest, AtTheEndPathsAreRemovedThatAreItsOwn) {
    std::string folder = (std::filesystem::temp_directory_path() / "berth-book-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    Listener mine(*Address::unix_path(folder + "/mine"), ListenOptions());
    ASSERT_TRUE(mine.bind_and_listen());
    ListenQuestion by_number;
    by_number.fd = mine.fd();
    ask(by_number, one_);
    ListenQuestion by_path;
    by_path.address = *Address::unix_path(folder + "/asked");
    ask(by_path, one_);
    EXPECT_TRUE(std::filesystem::exists(folder + "/asked"));
    engine_.close_all();
    book_.remove_unix_paths();
    book_.close_sockets();
    EXPECT_FALSE(std::filesystem::exists(folder + "/asked"));
    EXPECT_TRUE(std::filesystem::exists(folder + "/mine"));
    std::filesystem::remove_all(folder);
}

TEST_P(ListenerBookTest, ADescriptorOfTheAskedProcess) {
    Listener mine(Address::ipv4(INADDR_LOOPBACK, 0), ListenOptions());
    ASSERT_TRUE(mine.bind_and_listen());
    ListenQuestion by_number;
    by_number.fd = mine.fd();
    EXPECT_EQ(ask(by_number, one_).address, mine.address());
    EXPECT_TRUE(connects(mine.address()));
    EXPECT_TRUE(run_until([&] { return one_.sent.size() == 1; }));
}

TEST(HandoffMessageTest, ThereAndBack) {
    const Address peer = *Address::parse("[2001:db8::1]:443");
    std::string connections;
    append_new_connection(connections, 5, 1ULL << 40U, peer);
    append_new_connection(connections, 6, 2, Address());
    std::string_view rest = connections;
    const auto first = take_new_connection(rest);
    ASSERT_TRUE(first);
    EXPECT_EQ(first->listener, 5U);
    EXPECT_EQ(first->ticket, 1ULL << 40U);
    EXPECT_EQ(first->peer, peer);
    const auto second = take_new_connection(rest);
    ASSERT_TRUE(second);
    EXPECT_EQ(second->listener, 6U);
    EXPECT_EQ(second->ticket, 2U);
    EXPECT_FALSE(second->peer.specified());
    EXPECT_TRUE(rest.empty());
    for (std::size_t length = 0; length < connections.size(); ++length) {
        std::string_view part = std::string_view(connections).substr(0, length);
        while (take_new_connection(part)) {}
        EXPECT_EQ(part.empty(), length == 0 || length == 16 + peer.length()) << length;
    }

    ListenQuestion asked;
    asked.number = 3;
    asked.leave = true;
    asked.address = *Address::parse("unix:/tmp/a.sock");
    asked.index = 2;
    asked.backlog = 127;
    asked.ipv6_only = false;
    asked.unix_mode = 0600;
    const auto question = read_listen_question(HandoffPayload(asked).text());
    ASSERT_TRUE(question);
    EXPECT_EQ(question->number, 3U);
    EXPECT_TRUE(question->leave);
    EXPECT_EQ(question->address, asked.address);
    EXPECT_EQ(question->fd, -1);
    EXPECT_EQ(question->index, 2U);
    EXPECT_EQ(question->backlog, 127);
    EXPECT_FALSE(question->ipv6_only);
    EXPECT_EQ(question->unix_mode, 0600);

    const auto answer = read_listen_answer(HandoffPayload(ListenAnswer{3, EADDRINUSE, 0, {}}).text());
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error, EADDRINUSE);
    EXPECT_FALSE(answer->address.specified());
    EXPECT_FALSE(read_listen_answer("short"));
}

TEST(HandoffStateTest, DecisionsAreSeenAndWhoWaitsIsTold) {
    auto state = std::make_unique<HandoffState>();
    state->decide(1, true);
    EXPECT_FALSE(state->take_question());
    state->ask();
    state->decide(2, false);
    EXPECT_TRUE(state->take_question());
    EXPECT_FALSE(state->take_question());
    EXPECT_EQ(state->last(), 2U);
    EXPECT_TRUE(state->taken(1));
    EXPECT_FALSE(state->taken(2));
    // The place of an old ticket is used again.
    state->decide(2 + HandoffState::kTickets, true);
    EXPECT_TRUE(state->taken(2 + HandoffState::kTickets));
}

}  // namespace

}  // namespace berth

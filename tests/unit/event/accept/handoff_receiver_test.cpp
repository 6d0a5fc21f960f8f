// HandoffReceiver: a worker takes and refuses, on a real channel whose other end is the test.
#include "event/accept/handoff_receiver.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <span>

#include "event/process/channel.hpp"
#include "tests/unit/event/accept/serving.hpp"

namespace berth {

namespace {

class HandoffReceiverTest : public ServingTest {
 protected:
    HandoffReceiverTest() {
        Result<Channel::Ends> ends = Channel::make_ends();
        master_ = std::make_unique<Channel>(
            *loop_, std::move(ends->master),
            Callback<Message&>::to<&HandoffReceiverTest::on_worker_says>(*this), Callback<>(&nothing, this));
        worker_end_ = std::make_unique<Channel>(
            *loop_, std::move(ends->child),
            Callback<Message&>::to<&HandoffReceiverTest::on_master_says>(*this), Callback<>(&nothing, this));
        EXPECT_TRUE(master_->start());
        EXPECT_TRUE(worker_end_->start());
    }
    ~HandoffReceiverTest() override { worker_.reset(); }

    static void nothing(void*) {}
    void on_worker_says(Message& message) {
        said_.push_back(message.type);
        if (message.type == MessageType::listen) question_ = read_listen_question(message.payload);
    }
    void on_master_says(Message& message) { worker_->take(message); }
    Callback<const ListenAnswer&> answered() {
        return Callback<const ListenAnswer&>::to<&HandoffReceiverTest::on_answered>(*this);
    }
    void on_answered(const ListenAnswer& answer) { answers_.push_back(answer); }

    void serve(const std::string& events, Strategy strategy = Strategy::handoff) {
        load(events, strategy);
        worker_->talk_to(*worker_end_);
        worker_->accept_connections();
    }
    // Hands over one end of a pair; returns the other one, the client's.
    FileDescriptor hand_over(std::uint64_t ticket, std::uint32_t listener = 0) {
        return std::move(hand_over_all(ticket, std::array{listener}).front());
    }
    // Several at once, beginning with that ticket.
    std::vector<FileDescriptor> hand_over_all(std::uint64_t ticket,
                                              std::span<const std::uint32_t> listeners) {
        std::string payload;
        std::vector<FileDescriptor> given;
        std::vector<int> fds;
        std::vector<FileDescriptor> clients;
        for (const std::uint32_t listener : listeners) {
            int ends[2];
            EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
            given.emplace_back(ends[0]);
            clients.emplace_back(ends[1]);
            fds.push_back(ends[0]);
            append_new_connection(payload, listener, ticket++, Address::ipv4(0x0a000001, 99));
        }
        EXPECT_TRUE(master_->send(MessageType::newconn, payload, fds));
        return clients;
    }
    bool decided(std::uint64_t ticket) {
        return run_until([&] { return row_->handoff.last() == ticket; });
    }
    static bool greeted(const FileDescriptor& client) {
        char byte = 0;
        return ::recv(client.get(), &byte, 1, MSG_DONTWAIT) == 1;
    }
    bool said(MessageType type) {
        return run_until([&] { return std::ranges::find(said_, type) != said_.end(); });
    }

    std::unique_ptr<Channel> master_;
    std::unique_ptr<Channel> worker_end_;
    std::vector<MessageType> said_;
    std::vector<ListenAnswer> answers_;
    std::optional<ListenQuestion> question_;
};

TEST_F(HandoffReceiverTest, TakesWithoutAMessageUnlessItIsAsked) {
    serve("");
    const FileDescriptor client = hand_over(1);
    ASSERT_TRUE(decided(1));
    EXPECT_TRUE(row_->handoff.taken(1));
    EXPECT_TRUE(greeted(client));
    EXPECT_EQ(worker_->connections().used(), 1U);
    EXPECT_EQ(row_->listener(0).handed.load(), 1U);
    loop_->run_once(Duration(0));
    EXPECT_TRUE(said_.empty());
    row_->handoff.ask();
    const FileDescriptor another = hand_over(2);
    EXPECT_TRUE(said(MessageType::ack));
    row_->handoff.ask();
    const FileDescriptor third = hand_over(3);
    EXPECT_TRUE(run_until([&] { return said_.size() == 2; }));
}

TEST_F(HandoffReceiverTest, DecidesAboutEachOfAMessageAndTellsOnce) {
    serve("");
    row_->handoff.ask();
    const std::vector<FileDescriptor> clients = hand_over_all(1, std::array{0U, 17U, 0U});
    ASSERT_TRUE(decided(3));
    EXPECT_TRUE(row_->handoff.taken(1));
    EXPECT_FALSE(row_->handoff.taken(2));
    EXPECT_TRUE(row_->handoff.taken(3));
    EXPECT_TRUE(greeted(clients[0]));
    EXPECT_FALSE(greeted(clients[1]));
    EXPECT_TRUE(greeted(clients[2]));
    EXPECT_TRUE(said(MessageType::nack));
    loop_->run_once(Duration(0));
    EXPECT_EQ(said_.size(), 1U);
}

TEST_F(HandoffReceiverTest, WhatFindsNoSlotInAMessageIsRefusedAlone) {
    serve("worker_connections 2;");
    const std::vector<FileDescriptor> clients = hand_over_all(1, std::array{0U, 0U, 0U});
    ASSERT_TRUE(decided(3));
    EXPECT_TRUE(row_->handoff.taken(1));
    EXPECT_TRUE(row_->handoff.taken(2));
    EXPECT_FALSE(row_->handoff.taken(3));
    EXPECT_TRUE(said(MessageType::nack));
}

TEST_F(HandoffReceiverTest, RefusesWhenItHasNoSlotAndSaysWhenItHasOneAgain) {
    serve("worker_connections 1;");
    FileDescriptor client = hand_over(1);
    ASSERT_TRUE(decided(1));
    const FileDescriptor another = hand_over(2);
    ASSERT_TRUE(decided(2));
    EXPECT_FALSE(row_->handoff.taken(2));
    EXPECT_TRUE(row_->handoff.full());
    EXPECT_EQ(row_->listener(0).refused.load(), 1U);
    EXPECT_TRUE(said(MessageType::nack));
    client.reset();
    EXPECT_TRUE(said(MessageType::ack));
    EXPECT_FALSE(row_->handoff.full());
}

TEST_F(HandoffReceiverTest, RefusesWhenTheDescriptorWasLost) {
    serve("");
    // One that arrives first: UBSan needs descriptors when it sees a type for the first time.
    const FileDescriptor before_it = hand_over(1);
    ASSERT_TRUE(decided(1));
    const FileDescriptor client = hand_over(2);
    // No number is free below the limit, which is not below the number of those that poll(2) is given.
    std::vector<FileDescriptor> filling;
    for (int i = 0; i < 64; ++i) filling.emplace_back(::dup(client.get()));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{static_cast<rlim_t>(filling.back().get()) + 1, before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    const bool done = decided(2);
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    ASSERT_TRUE(done);
    EXPECT_FALSE(row_->handoff.taken(2));
    EXPECT_TRUE(row_->handoff.full());
    EXPECT_EQ(worker_->connections().used(), 1U);
    EXPECT_TRUE(said(MessageType::ack));  // after a while it has some
}

TEST_F(HandoffReceiverTest, RefusesWhatItDoesNotServe) {
    serve("");
    const FileDescriptor client = hand_over(1, 17);
    ASSERT_TRUE(decided(1));
    EXPECT_FALSE(row_->handoff.taken(1));
}

// The master had it when a reload changed the strategy.
TEST_F(HandoffReceiverTest, TakesUnderAnotherStrategyUntilItDrains) {
    serve("", Strategy::shared);
    const FileDescriptor before = hand_over(1);
    ASSERT_TRUE(decided(1));
    EXPECT_TRUE(row_->handoff.taken(1));
    EXPECT_TRUE(greeted(before));
    worker_->drain(Drain::politely, Callback<>(&nothing, this));
    const FileDescriptor after = hand_over(2);
    ASSERT_TRUE(decided(2));
    EXPECT_FALSE(row_->handoff.taken(2));
}

TEST_F(HandoffReceiverTest, RefusesWhatItCannotRead) {
    serve("");
    const FileDescriptor before = hand_over(1);
    ASSERT_TRUE(decided(1));
    EXPECT_TRUE(master_->send(MessageType::newconn, "not so", std::array{before.get()}));
    ASSERT_TRUE(decided(2));
    EXPECT_FALSE(row_->handoff.taken(2));
    EXPECT_TRUE(said(MessageType::nack));
    const FileDescriptor after = hand_over(3);
    ASSERT_TRUE(decided(3));
    EXPECT_TRUE(row_->handoff.taken(3));
}

TEST_F(HandoffReceiverTest, ServesWhatCameBeforeItDrainsAndRefusesTheRest) {
    serve("");
    const FileDescriptor before = hand_over(1);
    ASSERT_TRUE(decided(1));
    worker_->drain(Drain::politely, Callback<>(&nothing, this));
    const FileDescriptor after = hand_over(2);
    ASSERT_TRUE(decided(2));
    EXPECT_TRUE(row_->handoff.taken(1));
    EXPECT_FALSE(row_->handoff.taken(2));
    EXPECT_EQ(row_->listener(0).refused.load(), 1U);
    EXPECT_TRUE(greeted(before));
    EXPECT_TRUE(said(MessageType::nack));
}

TEST_F(HandoffReceiverTest, AsksTheMasterToListenAndServesWhatComes) {
    serve("");
    HandoffReceiver::Wish wish;
    wish.address = Address::ipv4(INADDR_LOOPBACK, 0);
    wish.open = Greeting::open;
    wish.answered = answered();
    Result<std::uint32_t> number = worker_->handoff().listen(wish);
    ASSERT_TRUE(number.ok());
    ASSERT_TRUE(run_until([&] { return question_.has_value(); }));
    EXPECT_EQ(question_->number, *number);
    EXPECT_EQ(question_->index, 0U);

    const Address there = Address::ipv4(INADDR_LOOPBACK, 4711);
    const HandoffPayload answer(ListenAnswer{*number, 0, kDynamicListeners + 2, there});
    master_->send(MessageType::listen, answer.text());
    ASSERT_TRUE(run_until([&] { return answers_.size() == 1; }));
    EXPECT_EQ(answers_[0].address, there);
    const FileDescriptor client = hand_over(1, kDynamicListeners + 2);
    ASSERT_TRUE(decided(1));
    EXPECT_TRUE(greeted(client));

    question_.reset();
    worker_->handoff().unlisten(*number);
    ASSERT_TRUE(run_until([&] { return question_.has_value(); }));
    EXPECT_TRUE(question_->leave);
    const FileDescriptor late = hand_over(2, kDynamicListeners + 2);
    ASSERT_TRUE(decided(2));
    EXPECT_FALSE(row_->handoff.taken(2));
}

// As in Node's cluster: an index that is free again is not given to the next wish before all of them are.
TEST_F(HandoffReceiverTest, WishesForTheSameAddressAreCountedUntilNoneIsLeft) {
    serve("");
    const auto wish_for = [&](std::uint16_t port, int fd = -1) {
        HandoffReceiver::Wish wish;
        wish.address = Address::ipv4(INADDR_LOOPBACK, port);
        wish.fd = fd;
        question_.reset();
        const std::uint32_t number = worker_->handoff().listen(wish).value();
        EXPECT_TRUE(run_until([&] { return question_.has_value(); }));
        return number;
    };
    const auto let_go_of = [&](std::uint32_t number) {
        question_.reset();
        worker_->handoff().unlisten(number);
        EXPECT_TRUE(run_until([&] { return question_.has_value(); }));
        EXPECT_TRUE(question_->leave);
        return question_->index;
    };
    const std::uint32_t first = wish_for(0);
    EXPECT_EQ(question_->index, 0U);
    const std::uint32_t second = wish_for(0);
    EXPECT_EQ(question_->index, 1U);
    wish_for(8080);
    EXPECT_EQ(question_->index, 0U);
    wish_for(0, 5);
    EXPECT_EQ(question_->index, 0U);
    EXPECT_EQ(question_->fd, 5);
    EXPECT_FALSE(question_->address.specified());

    EXPECT_EQ(let_go_of(first), 0U);
    const std::uint32_t third = wish_for(0);
    EXPECT_EQ(question_->index, 2U);
    EXPECT_EQ(let_go_of(second), 1U);
    EXPECT_EQ(let_go_of(third), 2U);
    wish_for(0);
    EXPECT_EQ(question_->index, 0U);
    // None was answered, and what the configuration names is served as before.
    const FileDescriptor client = hand_over(1);
    ASSERT_TRUE(decided(1));
    EXPECT_TRUE(greeted(client));
}

TEST_F(HandoffReceiverTest, AWishThatCannotBeIsCountedNoMore) {
    serve("");
    HandoffReceiver::Wish wish;
    wish.address = Address::ipv4(INADDR_LOOPBACK, 80);
    wish.answered = answered();
    for (std::size_t tries = 1; tries <= 2; ++tries) {
        question_.reset();
        const std::uint32_t number = worker_->handoff().listen(wish).value();
        ASSERT_TRUE(run_until([&] { return question_.has_value(); }));
        EXPECT_EQ(question_->index, 0U);
        master_->send(MessageType::listen, HandoffPayload(ListenAnswer{number, EADDRINUSE, 0, {}}).text());
        ASSERT_TRUE(run_until([&] { return answers_.size() == tries; }));
    }
}

TEST_F(HandoffReceiverTest, IsToldWhyTheMasterCannotListen) {
    serve("");
    HandoffReceiver::Wish wish;
    wish.address = Address::ipv4(INADDR_LOOPBACK, 80);
    wish.answered = answered();
    const std::uint32_t number = worker_->handoff().listen(wish).value();
    master_->send(MessageType::listen, HandoffPayload(ListenAnswer{number, EACCES, 0, {}}).text());
    ASSERT_TRUE(run_until([&] { return answers_.size() == 1; }));
    EXPECT_EQ(answers_[0].error, EACCES);
}

}  // namespace

}  // namespace berth

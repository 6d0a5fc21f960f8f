// Channel: messages whole and in order, with descriptors, never blocking.
#include "event/process/channel.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <vector>

namespace berth {

namespace {

class ChannelTest : public ::testing::Test {
 protected:
    struct End {
        End(EventLoop& loop, FileDescriptor fd)
            : channel(loop, std::move(fd), Callback<Message&>::to<&End::on_message>(*this),
                      Callback<>::to<&End::on_closed>(*this)) {}
        void on_message(Message& message) {
            types.push_back(message.type);
            payloads.emplace_back(message.payload);
            while (FileDescriptor fd = message.take_fd()) fds.push_back(std::move(fd));
        }
        void on_closed() { ++closed; }

        std::vector<MessageType> types;
        std::vector<std::string> payloads;
        std::vector<FileDescriptor> fds;
        int closed = 0;
        Channel channel;
    };

    ChannelTest() {
        loop_ = std::move(EventLoop::create()).value();
        Result<Channel::Ends> ends = Channel::make_ends();
        raw_ = ends->master.get();
        one_ = std::make_unique<End>(*loop_, std::move(ends->master));
        other_ = std::make_unique<End>(*loop_, std::move(ends->child));
        EXPECT_TRUE(one_->channel.start());
        EXPECT_TRUE(other_->channel.start());
    }
    template <class Condition>
    void run_until(Condition is_so) {
        for (int i = 0; i < 1000 && !is_so(); ++i) loop_->run_once(Duration(100));
        EXPECT_TRUE(is_so());
    }

    std::unique_ptr<EventLoop> loop_;
    int raw_ = -1;
    std::unique_ptr<End> one_;
    std::unique_ptr<End> other_;
};

TEST_F(ChannelTest, DeliversBothWaysInOrder) {
    EXPECT_TRUE(one_->channel.send(MessageType::online));
    EXPECT_TRUE(one_->channel.send(MessageType::quit, "polite"));
    EXPECT_TRUE(other_->channel.send(MessageType::ready));
    run_until([&] { return other_->types.size() == 2 && one_->types.size() == 1; });
    EXPECT_EQ(other_->types, (std::vector{MessageType::online, MessageType::quit}));
    EXPECT_EQ(other_->payloads[1], "polite");
    EXPECT_EQ(one_->types, (std::vector{MessageType::ready}));
}

TEST_F(ChannelTest, PassesDescriptors) {
    Result<Pipe> pipe = make_pipe();
    EXPECT_TRUE(one_->channel.send(MessageType::reopen, "/a.log", std::array{pipe->write.get()}));
    pipe->write.reset();
    run_until([&] { return other_->fds.size() == 1; });
    EXPECT_EQ(::write(other_->fds[0].get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(pipe->read.get(), &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
}

TEST_F(ChannelTest, QueuesWhatDoesNotFitAndLosesNothing) {
    const std::string big(Channel::kMaxPayload, 'b');
    constexpr std::size_t kCount = 500;
    Result<Pipe> pipe = make_pipe();
    for (std::size_t i = 0; i < kCount; ++i) {
        const std::array fds{pipe->write.get(), pipe->read.get()};
        ASSERT_TRUE(one_->channel.send(MessageType::stats, big, std::span(fds).first(i % 100 == 0 ? 2 : 0)));
    }
    EXPECT_GT(one_->channel.queued(), 0U);
    run_until([&] { return other_->payloads.size() == kCount; });
    EXPECT_EQ(one_->channel.queued(), 0U);
    EXPECT_EQ(other_->fds.size(), 2 * (kCount / 100));
    EXPECT_EQ(other_->payloads.back(), big);
}

TEST_F(ChannelTest, PassesManyDescriptorsInTheirOrder) {
    std::vector<Pipe> pipes;
    std::vector<int> ends;
    for (std::size_t i = 0; i < Channel::kMostDescriptors; ++i) {
        pipes.push_back(*make_pipe());
        ends.push_back(pipes.back().write.get());
    }
    EXPECT_TRUE(one_->channel.send(MessageType::newconn, "all", ends));
    ends.push_back(ends.front());
    EXPECT_FALSE(one_->channel.send(MessageType::newconn, "one too many", ends));
    run_until([&] { return other_->payloads.size() == 1; });
    ASSERT_EQ(other_->fds.size(), Channel::kMostDescriptors);
    for (std::size_t i = 0; i < Channel::kMostDescriptors; ++i) {
        const char byte = static_cast<char>(i);
        EXPECT_EQ(::write(other_->fds[i].get(), &byte, 1), 1);
        char got = -1;
        EXPECT_EQ(::read(pipes[i].read.get(), &got, 1), 1);
        EXPECT_EQ(got, byte);
    }
}

TEST_F(ChannelTest, RefusesWhatIsTooLong) {
    EXPECT_FALSE(one_->channel.send(MessageType::stats, std::string(Channel::kMaxPayload + 1, 'x')));
}

TEST_F(ChannelTest, CountsAndIgnoresWhatItDoesNotKnow) {
    const std::uint16_t newer[] = {2, 1};
    const std::uint16_t unknown[] = {1, 999};
    EXPECT_EQ(::send(raw_, newer, sizeof(newer), 0), 4);
    EXPECT_EQ(::send(raw_, unknown, sizeof(unknown), 0), 4);
    EXPECT_EQ(::send(raw_, "x", 1, 0), 1);
    EXPECT_TRUE(one_->channel.send(MessageType::nudge));
    run_until([&] { return other_->types.size() == 1; });
    EXPECT_EQ(other_->types[0], MessageType::nudge);
    EXPECT_EQ(other_->channel.ignored(), 3U);
}

TEST_F(ChannelTest, TellsOnceThatTheOtherEndIsGoneAfterItsLastWords) {
    EXPECT_TRUE(one_->channel.send(MessageType::disconnect, "bye"));
    one_->channel.close();
    run_until([&] { return other_->closed == 1; });
    EXPECT_EQ(other_->payloads, (std::vector<std::string>{"bye"}));
    EXPECT_FALSE(other_->channel.open());
    EXPECT_FALSE(other_->channel.send(MessageType::ready));
    loop_->run_once(Duration(0));
    EXPECT_EQ(other_->closed, 1);
}

}  // namespace

}  // namespace berth

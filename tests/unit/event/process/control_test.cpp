// The control socket: questions, late answers, and clients that leave.
#include "event/process/control.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "core/net/address.hpp"

namespace berth {

namespace {

class ControlTest : public ::testing::Test {
 protected:
    ControlTest()
        : loop_(std::move(EventLoop::create()).value()),
          server_(*loop_, Callback<const ControlRequest&>::to<&ControlTest::on_request>(*this)) {
        std::string pattern = (std::filesystem::temp_directory_path() / "berth-control-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        path_ = folder_ + "/control";
        EXPECT_TRUE(server_.listen(path_));
    }
    ~ControlTest() override {
        server_.close();
        std::filesystem::remove_all(folder_);
    }
    void on_request(const ControlRequest& request) {
        asked_ = request.command;
        client_ = request.client;
        who_ = request.who;
        if (asked_ == "later") return;
        server_.answer(request.client, answer_, success_);
    }
    // Asks from a thread of its own while the loop runs here.
    Result<ControlAnswer> ask(const std::string& command) {
        std::optional<Result<ControlAnswer>> answer;
        std::atomic<bool> done = false;
        std::thread asker([&] {
            answer.emplace(ask_control(path_, command, Duration(20'000)));
            done = true;
        });
        for (int i = 0; i < 2000 && !done; ++i) loop_->run_once(Duration(10));
        asker.join();
        return *answer;
    }

    std::unique_ptr<EventLoop> loop_;
    ControlServer server_;
    std::string folder_;
    std::string path_;
    std::string asked_;
    std::string who_;
    std::uint64_t client_ = 0;
    std::string answer_;
    bool success_ = true;
};

TEST_F(ControlTest, AnswersWithTextAndVerdict) {
    answer_ = "generation 8 active";
    Result<ControlAnswer> answer = ask("reload");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(asked_, "reload");
    EXPECT_EQ(answer->text, "generation 8 active\n");
    EXPECT_TRUE(answer->success);
}

TEST_F(ControlTest, KeepsEveryLineOfALongRefusal) {
    for (int i = 0; i < 20'000; ++i) answer_ += "| line " + std::to_string(i) + "\n";
    success_ = false;
    Result<ControlAnswer> answer = ask("reload");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_EQ(answer->text, answer_);
    EXPECT_FALSE(answer->success);
}

TEST_F(ControlTest, AnEmptyAnswerIsOnlyAVerdict) {
    Result<ControlAnswer> answer = ask("stop");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->text, "");
}

TEST_F(ControlTest, IsTheOwnersAlone) {
    struct stat status {};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST_F(ControlTest, ATooLongRequestEndsTheConversation) {
    Result<ControlAnswer> answer = ask(std::string(ControlServer::kMaxRequest * 2, 'x'));
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_FALSE(answer->success);
    EXPECT_EQ(answer->text, "a command has at most 4096 bytes\n");
    EXPECT_EQ(asked_, "");
    EXPECT_EQ(server_.dropped(), 1U);
}

TEST_F(ControlTest, RenamedItAnswersAtItsNewPlace) {
    server_.rename(path_ + ".oldbin");
    EXPECT_FALSE(ask_control(path_, "status", Duration(0)));
    path_ += ".oldbin";
    EXPECT_TRUE(ask("status"));
}

TEST_F(ControlTest, WhatIsNoSocketIsNotReplaced) {
    const std::string file = folder_ + "/file";
    std::ofstream(file) << "precious";
    EXPECT_FALSE(server_.listen(file));
    EXPECT_TRUE(std::filesystem::is_regular_file(file));
    EXPECT_TRUE(ask("status"));
}

TEST_F(ControlTest, MovedItAnswersAtItsNewPlaceOnly) {
    const std::string before = std::exchange(path_, path_ + ".moved");
    ASSERT_TRUE(server_.listen(path_));
    EXPECT_FALSE(std::filesystem::exists(before));
    EXPECT_TRUE(ask("status"));
}

// Like `echo reload | nc -N`: the client has nothing more to say, but listens.
TEST_F(ControlTest, AHalfClosedClientAndAClosedServerStillGetTheirAnswer) {
    const FileDescriptor client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Address address = *Address::unix_path(path_);
    ASSERT_EQ(::connect(client.get(), address.data(), address.length()), 0);
    ASSERT_EQ(::send(client.get(), "later\n", 6, MSG_NOSIGNAL), 6);
    ::shutdown(client.get(), SHUT_WR);
    for (int i = 0; i < 500 && asked_.empty(); ++i) loop_->run_once(Duration(10));
    ASSERT_EQ(asked_, "later");
    for (int i = 0; i < 5; ++i) loop_->run_once(Duration(1));
    server_.stop_listening();
    EXPECT_EQ(server_.path(), "");
    server_.answer(client_, "", true);
    char answer[16];
    EXPECT_EQ(::recv(client.get(), answer, sizeof answer, 0), 3);
}

// As many as may ask are there and say nothing: the next one waits for one of them to leave.
TEST_F(ControlTest, MoreClientsThanMayAskWait) {
    Log log;
    server_.limit(2, ControlServer::kTimeout, log);
    const Address address = *Address::unix_path(path_);
    std::vector<FileDescriptor> silent;
    for (int i = 0; i < 2; ++i) {
        silent.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        ASSERT_EQ(::connect(silent.back().get(), address.data(), address.length()), 0);
    }
    for (int i = 0; i < 10; ++i) loop_->run_once(Duration(1));
    const FileDescriptor third(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(third.get(), address.data(), address.length()), 0);
    ASSERT_EQ(::send(third.get(), "status\n", 7, MSG_NOSIGNAL), 7);
    for (int i = 0; i < 10; ++i) loop_->run_once(Duration(1));
    EXPECT_EQ(asked_, "");
    silent.pop_back();
    for (int i = 0; i < 500 && asked_.empty(); ++i) loop_->run_once(Duration(10));
    EXPECT_EQ(asked_, "status");
}

// It sends half a command and goes to sleep: the only place is free again when its time is over.
TEST_F(ControlTest, WhoAsksNothingInTimeIsDropped) {
    Log log;
    server_.limit(1, Duration(100), log);
    const Address address = *Address::unix_path(path_);
    const FileDescriptor stuck(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(stuck.get(), address.data(), address.length()), 0);
    ASSERT_EQ(::send(stuck.get(), "stat", 4, MSG_NOSIGNAL), 4);
    Result<ControlAnswer> answer = ask("status");
    ASSERT_TRUE(answer) << answer.error().message;
    EXPECT_TRUE(answer->success);
    EXPECT_EQ(server_.dropped(), 1U);
    char byte = 0;
    EXPECT_EQ(::recv(stuck.get(), &byte, 1, 0), 0);
}

TEST_F(ControlTest, WhoDoesNotReadItsAnswerIsDropped) {
    Log log;
    server_.limit(4, Duration(100), log);
    const Address address = *Address::unix_path(path_);
    const FileDescriptor deaf(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(deaf.get(), address.data(), address.length()), 0);
    answer_.assign(8U << 20U, 'x');
    ASSERT_EQ(::send(deaf.get(), "status\n", 7, MSG_NOSIGNAL), 7);
    for (int i = 0; i < 500 && server_.dropped() == 0; ++i) loop_->run_once(Duration(10));
    EXPECT_EQ(server_.dropped(), 1U);
}

TEST_F(ControlTest, KnowsWhoAsks) {
    ASSERT_TRUE(ask("status"));
    EXPECT_EQ(who_, "uid " + std::to_string(::geteuid()) + ", pid " + std::to_string(::getpid()));
}

TEST_F(ControlTest, NobodyListening) {
    Result<ControlAnswer> answer = ask_control(folder_ + "/none", "reload", Duration(0));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ENOENT);
}

}  // namespace

}  // namespace berth

// The control socket: questions, late answers, and clients that leave.
#include "event/process/control.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <thread>

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
    EXPECT_FALSE(answer);
    EXPECT_EQ(asked_, "");
}

TEST_F(ControlTest, RenamedItAnswersAtItsNewPlace) {
    server_.rename(path_ + ".oldbin");
    EXPECT_FALSE(ask_control(path_, "status", Duration(0)));
    path_ += ".oldbin";
    EXPECT_TRUE(ask("status"));
}

TEST_F(ControlTest, NobodyListening) {
    Result<ControlAnswer> answer = ask_control(folder_ + "/none", "reload", Duration(0));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ENOENT);
}

}  // namespace

}  // namespace berth

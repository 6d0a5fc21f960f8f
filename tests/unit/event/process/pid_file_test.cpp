// PidFile: content, lock, stale files.
#include "event/process/pid_file.hpp"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace berth {

namespace {

class PidFileTest : public ::testing::Test {
 protected:
    PidFileTest() {
        std::string pattern = (std::filesystem::temp_directory_path() / "berth-pid-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        path_ = folder_ + "/a.pid";
    }
    ~PidFileTest() override { std::filesystem::remove_all(folder_); }

    // Runs `body` in a child, whose exit code it returns.
    template <class Body>
    static int in_child(Body body) {
        const pid_t pid = ::fork();
        if (pid == 0) ::_exit(body());
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WEXITSTATUS(status);
    }

    std::string folder_;
    std::string path_;
};

TEST_F(PidFileTest, HoldsTheProcessIdAndIsRemoved) {
    Result<PidFile> file = PidFile::create(path_);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(PidFile::read(path_).value_or(0), ::getpid());
    file->remove();
    EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(PidFileTest, ASecondServerIsToldWhoHoldsIt) {
    Result<PidFile> file = PidFile::create(path_);
    ASSERT_TRUE(file);
    EXPECT_EQ(in_child([&] {
                  if (PidFile::holder(path_) != ::getppid()) return 1;
                  Result<PidFile> second = PidFile::create(path_);
                  if (second || second.error().code != EEXIST) return 2;
                  return second.error().message.find(std::to_string(::getppid())) != std::string::npos ? 0
                                                                                                       : 3;
              }),
              0);
}

TEST_F(PidFileTest, AStaleOneIsNobodysAndIsReplaced) {
    std::ofstream(path_) << "1234567890\n";
    EXPECT_EQ(PidFile::holder(path_), 0);
    Result<PidFile> file = PidFile::create(path_);
    ASSERT_TRUE(file);
    EXPECT_EQ(PidFile::read(path_).value_or(0), ::getpid());
}

TEST_F(PidFileTest, RenamedItIsStillHeldAndItsPlaceIsFree) {
    Result<PidFile> file = PidFile::create(path_);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->rename(path_ + ".oldbin"));
    EXPECT_EQ(in_child([&] {
                  if (PidFile::holder(path_ + ".oldbin") != ::getppid()) return 1;
                  return PidFile::create(path_) ? 0 : 2;
              }),
              0);
    // The other's file is not ours to remove.
    file->remove();
    EXPECT_FALSE(std::filesystem::exists(path_ + ".oldbin"));
    EXPECT_TRUE(std::filesystem::exists(path_));
}

TEST_F(PidFileTest, NonsenseIsNoProcess) {
    EXPECT_FALSE(PidFile::read(path_));
    for (const char* text : {"", "x", "-1", "0", "1", "12 13"}) {
        std::ofstream(path_) << text;
        EXPECT_FALSE(PidFile::read(path_)) << text;
    }
}

}  // namespace

}  // namespace berth

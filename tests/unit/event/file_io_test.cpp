// Tests of files off the loop: what the caches answer at once, and what goes to the pool.
#include "event/file_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "event/async/root.hpp"
#include "tests/unit/event/loop_fixture.hpp"

namespace berth {
namespace {

class FileIoTest : public LoopTest {
 protected:
    FileIoTest() {
        std::string name = testing::TempDir() + "fileioXXXXXX";
        folder_ = ::mkdtemp(name.data());
    }
    ~FileIoTest() override {
        force_portable_open(false);
        pool_.stop();
        std::filesystem::remove_all(folder_);
    }

    std::string file(const std::string& name, const std::string& content) {
        std::ofstream(folder_ + "/" + name) << content;
        return folder_ + "/" + name;
    }

    template <class T>
    T finish(Async<T> work) {
        Root<T> root;
        root.start(std::move(work), Continuation([](void*) {}, nullptr));
        EXPECT_TRUE(run_until([&] { return !root.running(); }));
        return root.take();
    }

    std::string folder_;
    ThreadPool pool_{2, 64};
    OwnScope scope_{loop()};
};
BERTH_ON_EACH_POLLER(FileIoTest);

TEST_P(FileIoTest, OpensAndSaysWhatItIs) {
    const std::string path = file("a", "hello");
    Result<OpenedFile> opened = finish(open_file(scope_, pool_, path));
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(opened->status.st_size, 5);
    // Known to the kernel now: no pool, no frame.
    Async<Result<OpenedFile>> again = open_file(scope_, pool_, path);
    EXPECT_TRUE(finish(std::move(again)).ok());
}

TEST_P(FileIoTest, BytesThatNobodyCouldWriteComeBack) {
    const FileDescriptor fd(::open(file("b", "").c_str(), O_RDWR | O_CLOEXEC));
    IoBuffer buffer = BufferPool::take(4096);
    std::ranges::copy(std::string_view("hello"), buffer.data());
    pool_.stop();
    const WrittenBytes written =
        finish(write_and_return(scope_, pool_, fd.get(), FileBytes(std::move(buffer), 5), 0));
    EXPECT_EQ(written.error_number, EAGAIN);
    EXPECT_EQ(written.bytes.text(), "hello");
}

TEST_P(FileIoTest, WithoutACacheThePoolOpens) {
    force_portable_open(true);  // it cannot promise not to wait
    const std::string path = file("a", "hello");
    Async<Result<OpenedFile>> work = open_file(scope_, pool_, path);
    EXPECT_FALSE(work.immediate());
    const Result<OpenedFile> opened = finish(std::move(work));
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(opened->status.st_size, 5);
    const Result<OpenedFile> missing = finish(open_file(scope_, pool_, folder_ + "/nothing"));
    ASSERT_FALSE(missing.ok());
    EXPECT_EQ(missing.error().code, ENOENT);
}

TEST_P(FileIoTest, AFifoDoesNotHoldAnybody) {
    const std::string path = folder_ + "/fifo";
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    const Result<OpenedFile> opened = finish(open_file(scope_, pool_, path));
    ASSERT_TRUE(opened.ok());
    EXPECT_TRUE(S_ISFIFO(opened->status.st_mode));
}

TEST_P(FileIoTest, ReadsRangesAndStopsAtTheEnd) {
    const std::string path = file("a", "0123456789");
    Result<OpenedFile> opened = finish(open_file(scope_, pool_, path));
    ASSERT_TRUE(opened.ok());
    const int fd = opened->fd.get();
    EXPECT_EQ(finish(read_file(scope_, pool_, fd, 2, 4))->text(), "2345");
    EXPECT_EQ(finish(read_file(scope_, pool_, fd, 8, 100))->text(), "89");
    EXPECT_EQ(finish(read_file(scope_, pool_, fd, 10, 100))->text(), "");
    const Result<FileBytes> bad = finish(read_file(scope_, pool_, -1, 0, 10));
    ASSERT_FALSE(bad.ok());
    EXPECT_EQ(bad.error().code, EBADF);
}

TEST_P(FileIoTest, WhatIsNotInTheCacheIsReadByThePool) {
    std::string content;
    for (int i = 0; content.size() < 300'000; ++i) content += std::to_string(i) + ' ';
    const std::string path = file("big", content);
    const FileDescriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    ::fdatasync(fd.get());
    ::posix_fadvise(fd.get(), 0, 0,
                    POSIX_FADV_DONTNEED);  // where the file system obeys, the pool has to read
    EXPECT_TRUE(finish(read_file(scope_, pool_, fd.get(), 0, content.size()))->text() == content);
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
    EXPECT_TRUE(finish(fetch(scope_, pool_, fd.get(), 0, content.size() + 5000)).ok());
    EXPECT_TRUE(resident(fd.get(), 0, content.size()));
    EXPECT_TRUE(fetch(scope_, pool_, fd.get(), 0, content.size()).immediate());
    EXPECT_TRUE(resident(fd.get(), 0, 0));
}

TEST_P(FileIoTest, TemporaryFilesAreWrittenAndLeaveNothing) {
    Result<TempFile> unnamed = finish(create_temp_file(scope_, pool_, folder_));
    ASSERT_TRUE(unnamed.ok()) << unnamed.error().message;
    EXPECT_EQ(unnamed->path, "");
    IoBuffer buffer = BufferPool::take(5);
    std::copy_n("12345", 5, buffer.data());
    EXPECT_TRUE(
        finish(write_file(scope_, pool_, unnamed->fd.get(), FileBytes(std::move(buffer), 5), 3)).ok());
    std::array<char, 16> bytes;
    EXPECT_EQ(::pread(unnamed->fd.get(), bytes.data(), bytes.size(), 3), 5);
    EXPECT_EQ(std::string_view(bytes.data(), 5), "12345");
    EXPECT_TRUE(std::filesystem::is_empty(folder_));

    Result<TempFile> named = finish(create_temp_file(scope_, pool_, folder_, true));
    ASSERT_TRUE(named.ok());
    EXPECT_TRUE(std::filesystem::exists(named->path));
    EXPECT_EQ(std::filesystem::status(named->path).permissions(), std::filesystem::perms(0600));
    ::unlink(named->path.c_str());

    const Result<TempFile> nowhere = finish(create_temp_file(scope_, pool_, folder_ + "/no"));
    ASSERT_FALSE(nowhere.ok());
    EXPECT_EQ(nowhere.error().code, ENOENT);
}

TEST_P(FileIoTest, ANamedFileThatNobodyTookIsRemoved) {
    {
        Root<Result<TempFile>> root;
        root.start(create_temp_file(scope_, pool_, folder_, true), Continuation([](void*) {}, nullptr));
    }
    pool_.stop();
    turn();
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace berth

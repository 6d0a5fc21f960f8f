// What FileCache gives must be what the path names: after every way in which a file can change.
#include "modules/http/files/file_cache.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace berth::http {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

class FileCacheTest : public ::testing::Test {
 protected:
    FileCacheTest() {
        char name[] = "/tmp/berth-file-cache-XXXXXX";
        folder_ = ::mkdtemp(name);
        auto loop = EventLoop::create();
        EXPECT_TRUE(loop.ok());
        loop_ = std::move(*loop);
        limits_.settle = 0s;  // files are as young as the test
    }
    ~FileCacheTest() override {
        cache_.reset();
        fs::remove_all(folder_);
    }

    std::string path(const std::string& name) const { return folder_ + "/" + name; }
    void write(const std::string& name, std::string_view text) { std::ofstream(path(name)) << text; }
    FileCache& cache() {
        if (!cache_) cache_ = std::make_unique<FileCache>(*loop_, limits_);
        return *cache_;
    }
    void next_turn() { loop_->run_once(0ms); }

    // What a request does that finds nothing: opens, reads when it may, and leaves the file in the cache.
    FilePtr load(const std::string& name, FilePolicy policy = {}, Symlinks symlinks = Symlinks::follow) {
        const std::string text = path(name);
        FileDescriptor fd(::open(text.c_str(), O_RDONLY | O_CLOEXEC));
        struct stat status {};
        EXPECT_EQ(::fstat(fd.get(), &status), 0);
        FilePtr file = CachedFile::make(std::move(fd), status);
        if (cache().wants_content(*file)) {
            const auto size = static_cast<std::size_t>(file->size());
            IoBuffer content = BufferPool::take(size + 1);
            EXPECT_EQ(::pread(file->fd(), content.data(), size, 0), static_cast<ssize_t>(size));
            file->keep(std::move(content));
        }
        cache().put({text, symlinks, 0}, policy, file);
        return file;
    }
    FileCache::Answer find(const std::string& name, FilePolicy policy = {},
                           Symlinks symlinks = Symlinks::follow) {
        const std::string text = path(name);
        return cache().find({text, symlinks, 0}, policy);
    }

    std::string folder_;
    std::unique_ptr<EventLoop> loop_;
    FileCacheLimits limits_;
    std::unique_ptr<FileCache> cache_;
};

TEST_F(FileCacheTest, KeepsASmallFileAsLongAsItIsTheSame) {
    write("a", "hello");
    load("a");
    for (int turn = 0; turn < 3; ++turn) {
        next_turn();
        const FileCache::Answer answer = find("a");
        ASSERT_TRUE(answer.file);
        EXPECT_TRUE(answer.file->in_memory());
        EXPECT_EQ(answer.file->content(), "hello");
        EXPECT_EQ(answer.file->fd(), -1);
    }
}

TEST_F(FileCacheTest, AnEmptyFileIsAFile) {
    write("a", "");
    load("a");
    next_turn();
    const FileCache::Answer answer = find("a");
    ASSERT_TRUE(answer.file);
    EXPECT_EQ(answer.file->content(), "");
}

TEST_F(FileCacheTest, NoticesAnAtomicRename) {
    write("a", "old");
    load("a");
    write("b", "new");
    fs::rename(path("b"), path("a"));
    next_turn();
    EXPECT_FALSE(find("a").known());
    EXPECT_EQ(load("a")->content(), "new");
}

TEST_F(FileCacheTest, NoticesASymlinkSwitchOfAFolderOnItsWay) {
    fs::create_directories(path("releases/1"));
    fs::create_directories(path("releases/2"));
    write("releases/1/index.html", "one");
    write("releases/2/index.html", "two");
    fs::create_symlink("releases/1", path("current"));
    load("current/index.html");
    next_turn();
    ASSERT_TRUE(find("current/index.html").file);
    fs::create_symlink("releases/2", path("next"));
    fs::rename(path("next"), path("current"));
    next_turn();
    EXPECT_FALSE(find("current/index.html").known());
    EXPECT_EQ(load("current/index.html")->content(), "two");
}

TEST_F(FileCacheTest, NoticesAWriteInPlaceOfTheSameSecondAndSize) {
    write("a", "aaaa");
    const timespec first[2] = {{1000, 1}, {1000, 1}};
    ::utimensat(AT_FDCWD, path("a").c_str(), first, 0);
    const FilePtr before = load("a");
    write("a", "bbbb");
    const timespec second[2] = {{1000, 2}, {1000, 2}};
    ::utimensat(AT_FDCWD, path("a").c_str(), second, 0);
    next_turn();
    EXPECT_FALSE(find("a").known());
    const FilePtr after = load("a");
    EXPECT_EQ(after->content(), "bbbb");
    EXPECT_NE(before->etag(), after->etag()) << "a strong tag names one content";
}

// The time of modification can be set back, that of change cannot.
TEST_F(FileCacheTest, NoticesAWriteWhoseTimeOfModificationWasSetBack) {
    write("a", "aaaa");
    const timespec times[2] = {{1000, 1}, {1000, 1}};
    ::utimensat(AT_FDCWD, path("a").c_str(), times, 0);
    const FilePtr before = load("a");
    FileStamp stamp = before->stamp();
    do {  // until the file system's clock has ticked
        write("a", "bbbb");
        ::utimensat(AT_FDCWD, path("a").c_str(), times, 0);
        struct stat status {};
        ASSERT_EQ(::stat(path("a").c_str(), &status), 0);
        stamp = FileStamp::of(status);
    } while (stamp == before->stamp());
    next_turn();
    EXPECT_FALSE(find("a").known());
}

TEST_F(FileCacheTest, NoticesTruncationAndDeletion) {
    write("a", "hello");
    write("b", "hello");
    load("a");
    load("b");
    fs::resize_file(path("a"), 2);
    fs::remove(path("b"));
    next_turn();
    EXPECT_FALSE(find("a").known());
    EXPECT_FALSE(find("b").known());
}

TEST_F(FileCacheTest, KeepsNothingThatHasNotSettled) {
    limits_.settle = 3600s;
    write("a", "hello");
    const FilePtr file = load("a");
    EXPECT_FALSE(file->in_memory());
    EXPECT_EQ(cache().entries(), 0u);
}

TEST_F(FileCacheTest, KeepsNothingFromTheFuture) {
    write("a", "hello");
    const timespec times[2] = {{4'000'000'000, 0}, {4'000'000'000, 0}};
    ::utimensat(AT_FDCWD, path("a").c_str(), times, 0);
    load("a");
    EXPECT_EQ(cache().entries(), 0u);
}

TEST_F(FileCacheTest, LooksAtAPathOnceInATurn) {
    write("a", "hello");
    load("a");
    next_turn();
    ASSERT_TRUE(find("a").file);
    fs::remove(path("a"));
    EXPECT_TRUE(find("a").file) << "the second look would have cost a system call";
    next_turn();
    EXPECT_FALSE(find("a").known());
}

// Other requests may have waited for the disk since the file was opened.
TEST_F(FileCacheTest, LooksAgainAtWhatWasPutInThisTurn) {
    write("a", "hello");
    load("a");
    fs::remove(path("a"));
    EXPECT_FALSE(find("a").known());
}

TEST_F(FileCacheTest, ALargeFileIsKeptOpen) {
    limits_.file = 4;
    write("a", "hello");
    load("a");
    next_turn();
    const FileCache::Answer answer = find("a");
    ASSERT_TRUE(answer.file);
    EXPECT_FALSE(answer.file->in_memory());
    EXPECT_GE(answer.file->fd(), 0);
}

TEST_F(FileCacheTest, AFileOutlivesItsEntry) {
    write("a", "hello");
    load("a");
    next_turn();
    const FilePtr pinned = find("a").file;
    cache().clear();
    EXPECT_EQ(cache().entries(), 0u);
    EXPECT_EQ(cache().bytes(), 0u);
    EXPECT_EQ(pinned->content(), "hello");
    cache_.reset();
    EXPECT_EQ(pinned->content(), "hello");
}

TEST_F(FileCacheTest, LeavesOutWhatWasUnusedLongest) {
    limits_.entries = 2;
    for (const char* name : {"a", "b", "c"}) write(name, name);
    load("a");
    load("b");
    next_turn();
    ASSERT_TRUE(find("a").file);
    load("c");
    next_turn();
    EXPECT_EQ(cache().entries(), 2u);
    EXPECT_TRUE(find("a").file);
    EXPECT_FALSE(find("b").known());
    EXPECT_TRUE(find("c").file);
}

TEST_F(FileCacheTest, IsBoundedInBytes) {
    limits_.bytes = 6000;
    const std::string text(2000, 'x');
    for (int i = 0; i < 8; ++i) {
        write(std::to_string(i), text);
        load(std::to_string(i));
        EXPECT_LE(cache().bytes(), 6000u);
    }
    next_turn();
    EXPECT_TRUE(find("7").file);
    EXPECT_FALSE(find("0").known());
}

TEST_F(FileCacheTest, ClosesWhatNobodyUses) {
    limits_.inactive = 1ms;
    write("a", "hello");
    load("a");
    EXPECT_EQ(cache().entries(), 1u);
    while (cache().entries() > 0) loop_->run_once(-1ms);
    EXPECT_EQ(cache().bytes(), 0u);
}

TEST_F(FileCacheTest, ValidSaysForHowLongNobodyLooks) {
    const FilePolicy relaxed{3600s, 1, false};
    write("a", "hello");
    load("a", relaxed);
    fs::remove(path("a"));
    next_turn();
    EXPECT_TRUE(find("a", relaxed).file);
    EXPECT_FALSE(find("a").known()) << "who asks strictly is answered strictly";
}

TEST_F(FileCacheTest, ErrorsAreKeptOnlyWhenAskedFor) {
    const std::string missing = path("missing");
    cache().put_error({missing}, {3600s, 1, false}, ENOENT);
    EXPECT_FALSE(find("missing", {3600s, 1, false}).known());
    const FilePolicy errors{3600s, 1, true};
    cache().put_error({missing}, errors, ENOENT);
    next_turn();
    EXPECT_EQ(find("missing", errors).error, ENOENT);
}

TEST_F(FileCacheTest, MinUsesCountsBeforeItKeeps) {
    const FilePolicy policy{3600s, 3, false};
    write("a", "hello");
    load("a", policy);
    EXPECT_FALSE(find("a", policy).known());
    load("a", policy);
    EXPECT_FALSE(find("a", policy).known());
    load("a", policy);
    EXPECT_TRUE(find("a", policy).file);
}

TEST_F(FileCacheTest, AnswersNobodyWhoFollowsOtherRules) {
    write("a", "hello");
    load("a");
    next_turn();
    EXPECT_FALSE(find("a", {}, Symlinks::refuse).known());
}

// The same inode, but now by way of a link.
TEST_F(FileCacheTest, NoticesALinkWhereNoneIsAllowed) {
    fs::create_directory(path("real"));
    write("real/a", "hello");
    load("real/a", {}, Symlinks::refuse);
    next_turn();
    ASSERT_TRUE(find("real/a", {}, Symlinks::refuse).file);
    fs::rename(path("real"), path("moved"));
    fs::create_symlink("moved", path("real"));
    next_turn();
    EXPECT_FALSE(find("real/a", {}, Symlinks::refuse).known());
}

TEST_F(FileCacheTest, OwnersOfLinksAreCheckedEachTime) {
    write("a", "hello");
    load("a", {}, Symlinks::owner_checked);
    next_turn();
    EXPECT_FALSE(find("a", {}, Symlinks::owner_checked).known());
}

TEST_F(FileCacheTest, TagsTellTimeAndSize) {
    write("a", "hello");
    const timespec times[2] = {{0x5f000000, 0}, {0x5f000000, 0}};
    ::utimensat(AT_FDCWD, path("a").c_str(), times, 0);
    EXPECT_EQ(load("a")->etag(), "\"5f000000-5\"");
    EXPECT_EQ(load("a")->last_modified(), 0x5f000000);
}

}  // namespace
}  // namespace berth::http

// RuntimeFiles: folders that the workers' user reaches, or that are refused.
#include "event/process/runtime_files.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "event/process/process_conf.hpp"
#include "tests/unit/event/accept/serving.hpp"

namespace berth {

namespace {

class RuntimeFilesTest : public testing::Test {
 protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "only root has workers that are somebody else";
        char name[] = "/tmp/berth-files-XXXXXX";
        folder_ = ::mkdtemp(name);
        ::chmod(folder_.c_str(), 0755);
    }
    void TearDown() override {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
    }
    // Makes the folder for workers' sockets in `path`, for the user nobody.
    Result<void> open(const std::string& path) {
        loaded_ = load_config("user nobody; events { accept_strategy proxy; worker_listen unix:" + path +
                              "/sockets; } http { server { listen 8000; } }\n");
        EXPECT_NE(loaded_.cycle, nullptr) << loaded_.report;
        return loaded_.cycle->own<RuntimeFiles>().open(*loaded_.cycle);
    }

    std::string folder_;
    Loaded loaded_;
};

TEST_F(RuntimeFilesTest, FoldersAboveArePassableWhateverTheUmaskIs) {
    const mode_t before = ::umask(077);
    const Result<void> opened = open(folder_ + "/new/newer");
    ::umask(before);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    struct stat status {};
    ASSERT_EQ(::stat((folder_ + "/new/newer/sockets").c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0700U);
    EXPECT_EQ(status.st_uid, loaded_.cycle->conf<ProcessConf>().user->uid);
}

TEST_F(RuntimeFilesTest, AFolderThatTheUserMayNotEnterIsNamed) {
    const std::string closed = folder_ + "/closed";
    ASSERT_EQ(::mkdir(closed.c_str(), 0700), 0);
    const int dumpable = ::prctl(PR_GET_DUMPABLE);
    const Result<void> opened = open(closed + "/open");
    ASSERT_FALSE(opened.ok());
    EXPECT_NE(opened.error().message.find("it may not enter \"" + closed + '"'), std::string::npos)
        << opened.error().message;
    // It was looked at as nobody, and everything else is done as before.
    EXPECT_EQ(::access(closed.c_str(), X_OK), 0);
    EXPECT_EQ(::prctl(PR_GET_DUMPABLE), dumpable);
    EXPECT_TRUE(std::filesystem::exists(closed + "/open/sockets"));
}

// Version 2 of acl(5)'s extended attribute: (tag, permissions, id) of the owner, a user, the group, the mask
// and others.
TEST_F(RuntimeFilesTest, AnAccessControlListCounts) {
    const std::string closed = folder_ + "/closed";
    ASSERT_EQ(::mkdir(closed.c_str(), 0700), 0);
    ASSERT_FALSE(open(closed + "/open").ok());
    struct Entry {
        std::uint16_t tag;
        std::uint16_t permissions;
        std::uint32_t id;
    };
    const struct {
        std::uint32_t version;
        Entry entries[5];
    } list{2,
           {{1, 7, ~0U},
            {2, 1, loaded_.cycle->conf<ProcessConf>().user->uid},
            {4, 0, ~0U},
            {16, 1, ~0U},
            {32, 0, ~0U}}};
    if (::setxattr(closed.c_str(), "system.posix_acl_access", &list, sizeof list, 0) != 0) {
        GTEST_SKIP() << "no access control lists on this file system: errno " << errno;
    }
    const Result<void> opened = open(closed + "/open");
    EXPECT_TRUE(opened.ok()) << opened.error().message;
}

}  // namespace

}  // namespace berth

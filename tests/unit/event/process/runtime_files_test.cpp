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
        Diagnostics findings;
        loaded_.cycle->own<RuntimeFiles>().open(*loaded_.cycle, findings);
        if (!findings.failed()) return {};
        // All of them are about what worker_listen says, and show it.
        EXPECT_NE(findings.all().front().at.source, nullptr);
        return Error(findings.report("test"));
    }
    // The folder itself is there already.
    std::string make_sockets_folder(mode_t mode) const {
        const std::string path = folder_ + "/sockets";
        EXPECT_EQ(::mkdir(path.c_str(), 0700), 0);
        EXPECT_EQ(::chmod(path.c_str(), mode), 0);
        return path;
    }
    uid_t nobody() const { return loaded_.cycle->conf<ProcessConf>().user->uid; }
    static uid_t owner(const std::string& path) {
        struct stat status {};
        EXPECT_EQ(::stat(path.c_str(), &status), 0);
        return status.st_uid;
    }
    void expect_refused(const std::string& because) {
        const Result<void> opened = open(folder_);
        ASSERT_FALSE(opened.ok());
        EXPECT_NE(opened.error().message.find(because), std::string::npos) << opened.error().message;
        EXPECT_NE(opened.error().message.find("name a folder that is not there yet"), std::string::npos);
        EXPECT_EQ(owner(folder_ + "/sockets"), 0U);
    }
    // One of that master's workers listens there, or did.
    static void leave_socket(const std::string& folder, pid_t master) {
        const std::string path = folder + "/" + std::to_string(master) + "-0.0.0.0:8000-0";
        const Address address = std::move(*Address::unix_path(path));
        const FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        EXPECT_EQ(::bind(fd.get(), address.data(), address.length()), 0);
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

TEST_F(RuntimeFilesTest, AFolderThatOthersMayEnterIsRefused) {
    for (const mode_t mode : {0755U, 0710U, 0702U, 0701U, 01777U}) {
        const std::string path = make_sockets_folder(mode);
        expect_refused("lets others in");
        EXPECT_EQ(::rmdir(path.c_str()), 0);
    }
}

TEST_F(RuntimeFilesTest, AnothersFolderIsTakenOverOnlyWithoutFilesOfAnother) {
    const std::string path = make_sockets_folder(0700);
    std::ofstream(path + "/readme") << "precious";
    expect_refused("belongs to user 0, and \"readme\" in it is no socket of workers");
    std::filesystem::remove(path + "/readme");
    // As after a change of `user`: what is left there is this server's, or nobody's.
    leave_socket(path, ::getppid());
    const Result<void> opened = open(folder_);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    EXPECT_EQ(owner(path), nobody());
}

TEST_F(RuntimeFilesTest, ASecondServerDoesNotTakeTheFolderOfAnotherUsers) {
    const std::string path = make_sockets_folder(0700);
    leave_socket(path, 1);
    expect_refused("process 1 has its workers' sockets there");
}

TEST_F(RuntimeFilesTest, InAFolderOfTheWorkersOtherFilesMayBe) {
    ASSERT_TRUE(open(folder_).ok());
    std::ofstream(folder_ + "/sockets/readme") << "precious";
    leave_socket(folder_ + "/sockets", 1);
    EXPECT_TRUE(open(folder_).ok());
    EXPECT_TRUE(std::filesystem::exists(folder_ + "/sockets/readme"));
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

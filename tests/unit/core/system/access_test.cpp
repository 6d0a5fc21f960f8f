// Opening paths by the rules of disable_symlinks, by the kernel and by the portable walk.
#include "core/system/access.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "tests/unit/core/system/temp_folder.hpp"

namespace berth {
namespace {

class Access : public ::testing::TestWithParam<bool> {
 protected:
    void SetUp() override { force_portable_open(GetParam()); }
    void TearDown() override { force_portable_open(false); }

    // The content, or the errno in words.
    static std::string outcome(const Result<FileDescriptor>& file) {
        if (!file) {
            const int code = file.error().code;
            return code == ELOOP     ? "ELOOP"
                   : code == ENOENT  ? "ENOENT"
                   : code == EXDEV   ? "EXDEV"
                   : code == ENOTDIR ? "ENOTDIR"
                                     : std::to_string(code);
        }
        char text[64];
        const ssize_t size = ::read(file->get(), text, sizeof text);
        return {text, static_cast<std::size_t>(size < 0 ? 0 : size)};
    }
    static std::string open(const std::string& path, Symlinks symlinks, std::size_t trusted = 0) {
        OpenHow how;
        how.symlinks = symlinks;
        how.trusted_prefix = trusted;
        return outcome(open_file(path, how));
    }
    std::string beneath(const std::string& path, Symlinks symlinks = Symlinks::follow) const {
        const FileDescriptor base(::open((folder_ / "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        OpenHow how;
        how.symlinks = symlinks;
        return outcome(open_beneath(base.get(), path, how));
    }
    TempFolder folder_;
};

TEST_P(Access, PlainPathsWorkUnderEveryRule) {
    const std::string path = folder_.file("a/b/file", "content");
    for (const Symlinks rule : {Symlinks::follow, Symlinks::refuse, Symlinks::owner_checked}) {
        EXPECT_EQ(open(path, rule), "content");
        EXPECT_EQ(open(folder_ / "a//./b/../b/file", rule), "content");
        EXPECT_EQ(open(folder_ / "a/missing", rule), "ENOENT");
        EXPECT_EQ(open(folder_ / "missing/file", rule), "ENOENT");
        EXPECT_EQ(open(folder_ / "a/b/file/", rule), "ENOTDIR");
        EXPECT_EQ(open(folder_ / "a/b/file/more", rule), "ENOTDIR");
        EXPECT_EQ(open("", rule), "ENOENT");
        EXPECT_EQ(open("/", rule), "");
        EXPECT_EQ(open("/../../" + path, rule), "content");
        EXPECT_TRUE(stat_file(path, rule));
        EXPECT_EQ(open_file(std::string_view("/a\0b", 4), {.symlinks = rule}).error().code, EINVAL);
    }
    EXPECT_EQ(open_file(folder_ / "missing").error().message,
              "open() \"" + (folder_ / "missing") + "\" failed (2: No such file or directory)");
}

TEST_P(Access, LinksAreFollowedOrRefused) {
    folder_.file("real/file", "content");
    folder_.link("folder", "real");
    folder_.link("real/link", "file");
    folder_.link("absolute", folder_ / "real/file");
    folder_.link("loop", "loop");
    for (const std::string name : {"folder/file", "real/link", "absolute", "folder/link"}) {
        EXPECT_EQ(open(folder_ / name, Symlinks::follow), "content") << name;
        EXPECT_EQ(open(folder_ / name, Symlinks::refuse), "ELOOP") << name;
        EXPECT_EQ(open(folder_ / name, Symlinks::owner_checked), "content") << name;
        EXPECT_FALSE(stat_file(folder_ / name, Symlinks::refuse)) << name;
    }
    EXPECT_EQ(open(folder_ / "loop", Symlinks::owner_checked), "ELOOP");
    OpenHow how;
    how.flags = O_RDONLY | O_DIRECTORY;
    how.symlinks = Symlinks::owner_checked;
    EXPECT_TRUE(open_file(folder_ / "folder", how));
    EXPECT_TRUE(open_file(folder_ / "folder/", how));
    EXPECT_FALSE(open_file(folder_ / "absolute", how));
}

TEST_P(Access, TheTrustedPrefixMayHaveLinks) {
    folder_.file("real/sub/file", "content");
    folder_.link("folder", "real");
    folder_.link("real/link", "sub");
    const std::string trusted = folder_ / "folder";
    EXPECT_EQ(open(trusted + "/sub/file", Symlinks::refuse, trusted.size()), "content");
    EXPECT_EQ(open(trusted + "/sub/file", Symlinks::refuse, trusted.size() + 1), "content");
    EXPECT_EQ(open(trusted + "/link/file", Symlinks::refuse, trusted.size()), "ELOOP");
    EXPECT_EQ(open(trusted + "/sub/file", Symlinks::refuse, trusted.size() - 1), "ELOOP");
    EXPECT_EQ(open(trusted, Symlinks::refuse, trusted.size()), "");
    EXPECT_EQ(open(trusted + "/link/file", Symlinks::refuse, 10'000), "content");
}

TEST_P(Access, OwnersMustAgree) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root can give a link away";
    folder_.file("mine/file", "content");
    const std::string theirs = folder_.link("theirs", "mine/file");
    const std::string folder = folder_.link("their_folder", "mine");
    ASSERT_EQ(::lchown(theirs.c_str(), 12345, 12345), 0);
    ASSERT_EQ(::lchown(folder.c_str(), 12345, 12345), 0);
    EXPECT_EQ(open(theirs, Symlinks::owner_checked), "ELOOP");
    EXPECT_EQ(open(folder + "/file", Symlinks::owner_checked), "ELOOP");
    EXPECT_EQ(open(theirs, Symlinks::follow), "content");
    ASSERT_EQ(::chown((folder_ / "mine/file").c_str(), 12345, 12345), 0);
    EXPECT_EQ(open(theirs, Symlinks::owner_checked), "content");
}

TEST_P(Access, BeneathMeansBeneath) {
    folder_.file("secret", "secret");
    folder_.file("root/sub/file", "content");
    folder_.link("root/out", "../secret");
    folder_.link("root/sub/in", "../sub/file");
    folder_.link("root/sub/far", "../../secret");
    folder_.link("root/absolute", "/etc/passwd");
    for (const Symlinks rule : {Symlinks::follow, Symlinks::owner_checked}) {
        EXPECT_EQ(beneath("sub/file", rule), "content");
        EXPECT_EQ(beneath("sub/../sub/file", rule), "content");
        EXPECT_EQ(beneath("sub/in", rule), "content");
        EXPECT_EQ(beneath("../secret", rule), "EXDEV");
        EXPECT_EQ(beneath("sub/../../secret", rule), "EXDEV");
        EXPECT_EQ(beneath("out", rule), "EXDEV");
        EXPECT_EQ(beneath("sub/far", rule), "EXDEV");
        EXPECT_EQ(beneath("absolute", rule), "EXDEV");
        EXPECT_EQ(beneath("/etc/passwd", rule), "EXDEV");
    }
    EXPECT_EQ(beneath("sub/in", Symlinks::refuse), "ELOOP");
    EXPECT_EQ(beneath("sub/file", Symlinks::refuse), "content");
}

TEST_P(Access, CreatesFilesWithTheirMode) {
    OpenHow how;
    how.flags = O_WRONLY | O_CREAT | O_EXCL;
    how.mode = 0600;
    how.symlinks = Symlinks::refuse;
    const auto file = open_file(folder_ / "new", how);
    ASSERT_TRUE(file);
    EXPECT_TRUE(::fcntl(file->get(), F_GETFD) & FD_CLOEXEC);
    EXPECT_EQ(stat_file(folder_ / "new")->st_mode & 0777, 0600u);
    folder_.link("dangling", "elsewhere");
    how.flags = O_WRONLY | O_CREAT;
    EXPECT_EQ(open_file(folder_ / "dangling", how).error().code, ELOOP);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "elsewhere"));
}

TEST_P(Access, CachedOnlyNeverReadsTheDisk) {
    const std::string path = folder_.file("file", "content");
    OpenHow how;
    how.cached_only = true;
    const auto file = open_file(path, how);
    if (file) {
        EXPECT_EQ(outcome(file), "content");
        EXPECT_FALSE(GetParam());
    } else {
        EXPECT_EQ(file.error().code, EAGAIN);
    }
}

TEST_P(Access, ReadsWholeFiles) {
    const std::string text(100'000, 'y');
    EXPECT_EQ(*read_file(folder_.file("large", text)), text);
    EXPECT_EQ(read_file(folder_ / "large", 99'999).error().code, EFBIG);
    EXPECT_EQ(*read_file(folder_.file("empty", "")), "");
    EXPECT_EQ(read_file(folder_.path()).error().code, EISDIR);
}

INSTANTIATE_TEST_SUITE_P(Ways, Access, ::testing::Values(false, true),
                         [](const auto& way) { return way.param ? "walk" : "kernel"; });

}  // namespace
}  // namespace berth

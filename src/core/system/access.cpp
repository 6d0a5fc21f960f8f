// Opening paths: openat2(2) where the kernel has it, and a walk component by component where it has not or
// cannot help.
#include "core/system/access.hpp"

#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <vector>

namespace berth {
namespace {

constexpr unsigned kLinkBudget = 40;  // as the kernel's own limit: path_resolution(7)
constexpr int kRetries = 4;

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

std::atomic<bool> portable{false};  // openat2(2) is missing, or a test wants to see the walk

// All functions in here return a descriptor, or -1 and errno.

int sys_openat2(int directory, const char* path, const OpenHow& how, std::uint64_t resolve) noexcept {
    open_how request{};
    request.flags = static_cast<std::uint64_t>(how.flags | O_CLOEXEC);
    const bool creates = (how.flags & O_CREAT) != 0 || (how.flags & O_TMPFILE) == O_TMPFILE;
    request.mode = creates ? how.mode : 0;  // openat2(2) insists
    request.resolve = resolve | (how.cached_only ? RESOLVE_CACHED : 0);
    int opened = -1;
    for (int attempt = 0; attempt < kRetries; ++attempt) {
        opened = static_cast<int>(::syscall(SYS_openat2, directory, path, &request, sizeof request));
        // A rename elsewhere can make the kernel unsure of ".."; it says EAGAIN then.
        if (opened >= 0 || errno == EINTR || how.cached_only || errno != EAGAIN) break;
    }
    return opened;
}

// Follows a path by hand. Directories are held open on the way, so what has been checked cannot be exchanged
// afterwards, and
// ".." goes back to the directory it came from.
class Walk {
 public:
    Walk(const OpenHow& how, bool beneath) : how_(how), beneath_(beneath) {}

    FileDescriptor run(int directory, std::string_view path) {
        base_ = directory;
        if (path.empty()) return fail(ENOENT);
        return follow(path, how_.flags);
    }

 private:
    static FileDescriptor fail(int error) noexcept {
        errno = error;
        return {};
    }
    int here() const noexcept { return trail_.empty() ? base_ : trail_.back().get(); }

    // Leaves the trail in the directory of the last component.
    FileDescriptor follow(std::string_view path, int flags) {
        if (path.starts_with('/')) {
            if (beneath_) return fail(EXDEV);
            trail_.clear();
            trail_.emplace_back(::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
            if (!trail_.back()) return {};
        }
        const bool directory = path.ends_with('/');
        std::string last = ".";  // "/", or a path that ends in a slash, names the directory itself
        while (!path.empty()) {
            const std::size_t slash = std::min(path.find('/'), path.size());
            const std::string component(path.substr(0, slash));
            path.remove_prefix(std::min(slash + 1, path.size()));
            const bool more = !path.empty() || directory;
            if (component.empty() || component == ".") continue;
            if (!more && component != "..") {
                last = component;
                break;
            }
            if (!enter(component)) return {};
        }
        return open_one(last, flags);
    }
    bool enter(const std::string& component) {
        if (component == "..") return leave();
        FileDescriptor next = open_one(component, O_PATH);
        if (!next) return false;
        trail_.push_back(std::move(next));
        return true;
    }

    bool leave() {
        if (!trail_.empty()) {
            const bool at_root = trail_.size() == 1 && rooted();
            if (!at_root) trail_.pop_back();
            return true;
        }
        if (beneath_) return errno = EXDEV, false;
        trail_.emplace_back(::openat(base_, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
        return static_cast<bool>(trail_.back());
    }
    // "/.." is "/"; opening it is the simplest way to know.
    bool rooted() const noexcept {
        struct stat own {};
        struct stat root {};
        return ::fstat(trail_.back().get(), &own) == 0 && ::stat("/", &root) == 0 &&
               own.st_dev == root.st_dev && own.st_ino == root.st_ino;
    }

    FileDescriptor open_one(const std::string& component, int flags) {
        FileDescriptor opened(::openat(here(), component.c_str(), flags | O_NOFOLLOW | O_CLOEXEC, how_.mode));
        if (!opened) return is_link(component, errno) ? through_link(component, flags) : FileDescriptor();
        if ((flags & O_PATH) == 0) return opened;
        struct stat status {};
        if (::fstat(opened.get(), &status) < 0) return {};
        return S_ISLNK(status.st_mode) ? through_link(component, flags) : std::move(opened);
    }

    // Whether opening failed because the component is a link. O_DIRECTORY hides that behind ENOTDIR.
    bool is_link(const std::string& component, int error) const noexcept {
        if (error != ENOTDIR) return error == ELOOP;
        struct stat status {};
        const bool link = ::fstatat(here(), component.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
                          S_ISLNK(status.st_mode);
        return errno = error, link;
    }

    FileDescriptor through_link(const std::string& component, int flags) {
        if (how_.symlinks == Symlinks::refuse || ++links_ > kLinkBudget) return fail(ELOOP);
        // This very link: what is read from it and who owns it belong together.
        const FileDescriptor link(::openat(here(), component.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
        struct stat link_status {};
        if (!link || ::fstat(link.get(), &link_status) < 0) return {};
        char target[PATH_MAX];
        const ssize_t length = ::readlinkat(link.get(), "", target, sizeof target);
        if (length < 0) return fail(errno == ENOENT ? ELOOP : errno);  // it was a link a moment ago
        if (length == 0 || length == static_cast<ssize_t>(sizeof target)) return fail(ENAMETOOLONG);

        FileDescriptor opened = follow({target, static_cast<std::size_t>(length)}, flags);
        if (!opened || how_.symlinks != Symlinks::owner_checked) return opened;
        struct stat status {};
        if (::fstat(opened.get(), &status) < 0) return {};
        return status.st_uid == link_status.st_uid ? std::move(opened) : fail(ELOOP);
    }

    const OpenHow& how_;
    const bool beneath_;
    int base_ = AT_FDCWD;
    std::vector<FileDescriptor> trail_;
    unsigned links_ = 0;
};

FileDescriptor open_checked(int directory, std::string_view path, const OpenHow& how, bool beneath) {
    const std::string text(path);
    if (text.find('\0') != text.npos) return errno = EINVAL, FileDescriptor();
    std::uint64_t resolve = beneath ? RESOLVE_BENEATH : 0;
    if (how.symlinks == Symlinks::refuse) resolve |= RESOLVE_NO_SYMLINKS;
    const bool by_kernel =
        how.symlinks != Symlinks::owner_checked && !portable.load(std::memory_order_relaxed);
    if (by_kernel) {
        FileDescriptor opened(resolve == 0 && !how.cached_only
                                  ? ::openat(directory, text.c_str(), how.flags | O_CLOEXEC, how.mode)
                                  : sys_openat2(directory, text.c_str(), how, resolve));
        if (opened || (errno != ENOSYS && errno != EPERM && !(how.cached_only && errno == EINVAL)))
            return opened;
        if (errno == ENOSYS) portable.store(true, std::memory_order_relaxed);
    }
    if (how.cached_only) return errno = EAGAIN, FileDescriptor();
    if (how.symlinks == Symlinks::follow && !beneath) {
        return FileDescriptor(::openat(directory, text.c_str(), how.flags | O_CLOEXEC, how.mode));
    }
    return Walk(how, beneath).run(directory, path);
}

// Where the trusted part of the path ends: at a whole component.
std::size_t whole_components(std::string_view path, std::size_t length) noexcept {
    if (length >= path.size()) return path.size();
    while (length > 0 && path[length] != '/' && path[length - 1] != '/') --length;
    return length;
}

FileDescriptor open_by_rules(std::string_view path, const OpenHow& how) {
    const bool trusted = how.symlinks != Symlinks::follow && how.trusted_prefix > 0;
    const std::size_t prefix = trusted ? whole_components(path, how.trusted_prefix) : 0;
    if (prefix == 0) return open_checked(AT_FDCWD, path, how, false);
    std::string_view rest = path.substr(prefix);
    while (rest.starts_with('/')) rest.remove_prefix(1);
    OpenHow plain = how;
    plain.symlinks = Symlinks::follow;
    if (rest.empty()) return open_checked(AT_FDCWD, path, plain, false);
    plain.flags = O_PATH | O_DIRECTORY;
    const FileDescriptor base = open_checked(AT_FDCWD, path.substr(0, prefix), plain, false);
    return base ? open_checked(base.get(), rest, how, false) : FileDescriptor();
}

}  // namespace

Result<FileDescriptor> open_file(std::string_view path, const OpenHow& how) {
    FileDescriptor opened = open_by_rules(path, how);
    if (!opened) return system_error("open", path, errno);
    return opened;
}

Result<FileDescriptor> open_beneath(int directory, std::string_view path, const OpenHow& how) {
    FileDescriptor opened = open_checked(directory, path, how, true);
    if (!opened) return system_error("open", path, errno);
    return opened;
}

Result<struct stat> stat_file(std::string_view path, Symlinks symlinks, std::size_t trusted_prefix) {
    OpenHow how;
    how.flags = O_PATH;
    how.symlinks = symlinks;
    how.trusted_prefix = trusted_prefix;
    const FileDescriptor opened = open_by_rules(path, how);
    struct stat status {};
    if (!opened || ::fstat(opened.get(), &status) < 0) return system_error("stat", path, errno);
    return status;
}

Result<std::string> read_file(std::string_view path, std::size_t limit) {
    const auto file = open_file(path);
    if (!file) return file.error();
    std::string content;
    for (;;) {
        const std::size_t have = content.size();
        content.resize(have + 16 * 1024);
        const ssize_t count = ::read(file->get(), content.data() + have, content.size() - have);
        if (count < 0 && errno != EINTR) return system_error("read", path, errno);
        content.resize(have + static_cast<std::size_t>(count > 0 ? count : 0));
        if (count == 0) return content;
        if (content.size() > limit) return system_error("read", path, EFBIG);
    }
}

void force_portable_open(bool on) noexcept { portable.store(on, std::memory_order_relaxed); }

}  // namespace berth

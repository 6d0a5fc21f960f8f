// What is kept, how it is checked, and when it goes.
#include "modules/http/files/file_cache.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace berth::http {
namespace {

// The state that the path names now; false when that cannot be said without waiting or at all.
bool look(const std::string& path, Symlinks symlinks, std::size_t trusted_prefix, FileStamp& stamp) {
    struct stat status {};
    if (symlinks == Symlinks::follow) {
        if (::stat(path.c_str(), &status) != 0) return false;
    } else {
        OpenHow how;
        how.flags = O_PATH;
        how.symlinks = symlinks;
        how.trusted_prefix = trusted_prefix;
        how.cached_only = true;
        const Result<FileDescriptor> fd = open_file(path, how);
        if (!fd || ::fstat(fd->get(), &status) != 0) return false;
    }
    stamp = FileStamp::of(status);
    return true;
}

}  // namespace

namespace {

// Asks the kernel, which for a network file system asks the network: once for each file system.
bool is_local(int fd) noexcept {
    constexpr std::uint32_t kXfs = 0x58465342;
    constexpr std::uint32_t kZfs = 0x2fc12fc1;
    constexpr std::uint32_t kBcachefs = 0xca451a4e;
    constexpr std::array<std::uint32_t, 14> known{EXT4_SUPER_MAGIC,
                                                  kXfs,
                                                  BTRFS_SUPER_MAGIC,
                                                  TMPFS_MAGIC,
                                                  OVERLAYFS_SUPER_MAGIC,
                                                  F2FS_SUPER_MAGIC,
                                                  RAMFS_MAGIC,
                                                  SQUASHFS_MAGIC,
                                                  kZfs,
                                                  REISERFS_SUPER_MAGIC,
                                                  EROFS_SUPER_MAGIC_V1,
                                                  kBcachefs,
                                                  ISOFS_SUPER_MAGIC,
                                                  MSDOS_SUPER_MAGIC};
    struct statfs status {};
    if (::fstatfs(fd, &status) != 0) return false;
    return std::find(known.begin(), known.end(), static_cast<std::uint32_t>(status.f_type)) != known.end();
}

}  // namespace

bool has_own_attributes(int fd, dev_t device) noexcept {
    thread_local std::vector<std::pair<dev_t, bool>> asked;
    for (const auto& [known, local] : asked) {
        if (known == device) return local;
    }
    return asked.emplace_back(device, is_local(fd)).second;
}

FileCache::FileCache(EventLoop& loop, FileCacheLimits limits)
    : loop_(loop), limits_(limits), timer_(Callback<>::to<&FileCache::expire>(*this)) {}

FileCache::~FileCache() { clear(); }

FileCache::Answer FileCache::find(const FileQuery& query, const FilePolicy& policy) {
    const auto found = map_.find(query.path);
    if (found == map_.end()) return {};
    Entry& entry = *found->second;
    if (entry.symlinks != query.symlinks || entry.trusted_prefix != query.trusted_prefix) {
        drop(entry);
        return {};
    }
    touch(entry);
    ++entry.uses;
    if (!entry.file && entry.error == 0) return {};
    if (holds(entry, policy)) return {entry.file, entry.error};
    set(entry, {}, 0);
    return {};
}

void FileCache::touch(Entry& entry) {
    entry.used = loop_.now();
    if (recent_.front() != &entry) recent_.push_front(entry);
}

bool FileCache::holds(Entry& entry, const FilePolicy& policy) {
    const std::uint64_t turn = loop_.counters().turns;
    if (entry.file && entry.turn == turn) return true;
    if (policy.valid > Duration::zero() && loop_.now() < entry.checked + policy.valid) return true;
    FileStamp stamp;
    if (!entry.file || !entry.checkable) return false;
    if (!look(entry.path, entry.symlinks, entry.trusted_prefix, stamp)) return false;
    if (!(stamp == entry.file->stamp())) return false;
    entry.turn = turn;
    entry.checked = loop_.now();
    return true;
}

bool FileCache::settled(const CachedFile& file) const noexcept {
    return file.stamp().older_than(limits_.settle.count(), loop_.wall().seconds());
}

bool FileCache::wants_content(const CachedFile& file) const noexcept {
    return file.regular() && file.size() <= limits_.file && settled(file) &&
           has_own_attributes(file.fd(), file.stamp().device);
}

FileCache::Entry* FileCache::entry_for(const FileQuery& query, const FilePolicy& policy) {
    // Checking a path anew must not read the owner of each link on its way: such files are opened each time.
    if (limits_.entries == 0 || query.symlinks == Symlinks::owner_checked) return nullptr;
    const auto found = map_.find(query.path);
    Entry* entry = found != map_.end() ? found->second.get() : nullptr;
    if (entry == nullptr) {
        auto made = std::make_unique<Entry>();
        entry = made.get();
        entry->path = std::string(query.path);
        entry->uses = 1;
        map_.emplace(entry->path, std::move(made));
    }
    entry->symlinks = query.symlinks;
    entry->trusted_prefix = query.trusted_prefix;
    entry->turn = kNeverLooked;  // others may have waited for the disk since it was opened
    entry->checked = loop_.now();
    touch(*entry);
    if (!timer_.armed()) timer_.start(loop_, limits_.inactive);
    return entry->uses >= policy.min_uses ? entry : nullptr;
}

void FileCache::put(const FileQuery& query, const FilePolicy& policy, const FilePtr& file) {
    // A file that was written to just now may be written to again within the same tick. With `valid` the user
    // has asked for less than that.
    if (policy.valid <= Duration::zero() && !settled(*file)) return;
    const bool checkable = file->in_memory() || has_own_attributes(file->fd(), file->stamp().device);
    if (policy.valid <= Duration::zero() && !checkable) return;
    if (Entry* entry = entry_for(query, policy)) {
        set(*entry, file, 0);
        entry->checkable = checkable;
    }
    trim();
}

void FileCache::put_error(const FileQuery& query, const FilePolicy& policy, int error) {
    if (!policy.errors || policy.valid <= Duration::zero()) return;
    if (Entry* entry = entry_for(query, policy)) set(*entry, {}, error);
    trim();
}

void FileCache::set(Entry& entry, FilePtr file, int error) {
    if (entry.file) bytes_ -= entry.file->weight();
    entry.file = std::move(file);
    entry.error = error;
    if (entry.file) bytes_ += entry.file->weight();
}

void FileCache::drop(Entry& entry) noexcept {
    if (entry.file) bytes_ -= entry.file->weight();
    map_.erase(map_.find(entry.path));
}

void FileCache::trim() noexcept {
    while (map_.size() > limits_.entries || (bytes_ > limits_.bytes && map_.size() > 1))
        drop(*recent_.back());
}

void FileCache::clear() noexcept {
    while (Entry* entry = recent_.back()) drop(*entry);
}

void FileCache::expire() {
    const TimePoint limit = loop_.now() - limits_.inactive;
    while (Entry* entry = recent_.back()) {
        if (entry->used > limit) {
            timer_.start_at(loop_, entry->used + limits_.inactive);
            return;
        }
        drop(*entry);
    }
}

}  // namespace berth::http

// FileCache: the files a worker has open or in memory, by path, and whether they are still what the path
// names.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/memory/intrusive_list.hpp"
#include "core/system/access.hpp"
#include "event/loop.hpp"
#include "modules/http/files/cached_file.hpp"

namespace berth::http {

// `small_file_cache` and `open_file_cache`: how much is kept, and for how long unused.
struct FileCacheLimits {
    std::size_t entries = 1024;
    std::size_t bytes = 16 * 1024 * 1024;  // of memory
    std::size_t file = 64 * 1024;          // larger files are kept open, not in memory
    Duration inactive = std::chrono::seconds(10);
    // A state that is younger may change again behind the same time stamp (FAT's clock ticks every 2 s).
    std::chrono::seconds settle{2};
};

// How a path is asked for. `path` is absolute, with a NUL behind it.
struct FileQuery {
    std::string_view path;
    Symlinks symlinks = Symlinks::follow;
    std::size_t trusted_prefix = 0;
};

// `open_file_cache_valid`, `_min_uses`, `_errors`. The default is the strict one.
struct FilePolicy {
    Duration valid{0};  // for so long the path is not even looked at
    unsigned min_uses = 1;
    bool errors = false;
};

// With `valid` 0 an answer is what a stat(2) of the path says in this turn of the loop: replaced files,
// exchanged symbolic links and files written in place are noticed by their stamp, at the cost of at most one
// system call for a path and a turn. A state is kept in memory only when it is at least `settle` old, so
// that no second write can hide behind the same time stamp, and only from file systems whose attributes are
// the kernel's own: of network and user-space file systems nothing is kept, unless `valid` says for how long.
// What cannot be noticed are writes through a shared mapping, whose time stamp comes when the kernel likes;
// replace such files instead.
class FileCache {
 public:
    FileCache(EventLoop& loop, FileCacheLimits limits);
    FileCache(const FileCache&) = delete;
    FileCache& operator=(const FileCache&) = delete;
    ~FileCache();

    // A file that holds, or the errno that opening it came to (kept with `errors`), or neither: ask the
    // kernel.
    struct Answer {
        FilePtr file;
        int error = 0;
        bool known() const noexcept { return file || error != 0; }
    };
    Answer find(const FileQuery& query, const FilePolicy& policy);

    // Whether the content of such a file may be kept in memory, now.
    bool wants_content(const CachedFile& file) const noexcept;

    // What the kernel said of this path just now. Kept when the rules allow; the file lives on with its other
    // owners anyway.
    void put(const FileQuery& query, const FilePolicy& policy, const FilePtr& file);
    void put_error(const FileQuery& query, const FilePolicy& policy, int error);

    // Closes everything that no request uses, for when the process is out of descriptors.
    void clear() noexcept;

    std::size_t entries() const noexcept { return map_.size(); }
    std::size_t bytes() const noexcept { return bytes_; }
    const FileCacheLimits& limits() const noexcept { return limits_; }

 private:
    static constexpr std::uint64_t kNeverLooked = ~std::uint64_t{0};

    struct Entry {
        std::string path;
        Symlinks symlinks = Symlinks::follow;
        std::size_t trusted_prefix = 0;
        FilePtr file;
        bool checkable = true;  // a stat(2) of the path neither waits nor lies
        int error = 0;
        unsigned uses = 0;
        std::uint64_t turn = kNeverLooked;  // of the last look at the path
        TimePoint checked;
        TimePoint used;
        ListHook hook;
    };
    using List = IntrusiveList<Entry, &Entry::hook>;

    bool settled(const CachedFile& file) const noexcept;
    void touch(Entry& entry);
    bool holds(Entry& entry, const FilePolicy& policy);
    Entry* entry_for(const FileQuery& query, const FilePolicy& policy);
    void set(Entry& entry, FilePtr file, int error);
    void drop(Entry& entry) noexcept;
    void trim() noexcept;
    void expire();

    EventLoop& loop_;
    FileCacheLimits limits_;
    std::unordered_map<std::string_view, std::unique_ptr<Entry>> map_;  // keys are the entries' own paths
    List recent_;                                                       // most recently used first
    std::size_t bytes_ = 0;
    Timer timer_;
};

// Whether fstat(2) of this file system tells the truth without asking another machine or program. `device` is
// the file's st_dev: the answer is remembered by it.
bool has_own_attributes(int fd, dev_t device) noexcept;

}  // namespace berth::http

// Files: how modules find the file a request means, without waiting for a disk on the loop.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "event/async/async.hpp"
#include "event/thread_pool.hpp"
#include "modules/http/files/file_cache.hpp"
#include "modules/http/files/files_conf.hpp"

namespace berth {
class Cycle;
class Worker;
}  // namespace berth

namespace berth::http {

class Request;

// The path that the location's root or alias makes of a URI, with a NUL behind it; lives in the request's
// arena. Nothing when it would leave the root or has a NUL in it: answer 404. That was logged.
// `uri` is decoded and starts with a slash. `suffix` is put behind it (the name of an index).
std::optional<std::string_view> map_uri(Request& request, std::string_view uri, std::string_view suffix = {});
// The request's own URI.
std::optional<std::string_view> map_uri(Request& request);
// $document_root: root or alias alone, absolute; not resolved.
std::string_view document_root(Request& request);

// A file in memory or open, or an Error with its errno. A directory comes as an open one.
using FileResult = Result<FilePtr>;

// What the worker's cache knows of the path; nothing: open_cached() has to ask the kernel.
std::optional<FileResult> open_if_cached(Request& request, std::string_view path);

// From the worker's cache when it may, else opened (and read, when it is small) by way of the thread pool. No
// frame when it is cached. `path` as from map_uri(); the location's rules for symbolic links hold.
Async<FileResult> open_cached(Request& request, std::string_view path);

// A descriptor of its own, past the cache: for O_DIRECT.
Async<FileResult> open_directly(Request& request, std::string_view path, int extra_flags);

// How this location opens the path: what becomes of symbolic links. The flags are the caller's to set.
OpenHow open_how(Request& request, std::string_view path);

// What is at the path, only to know whether it is there: what try_files and index ask. A file that exists but
// may not be read counts as there.
enum class PathKind : std::uint8_t { none, file, directory };
// `none` comes with the errno; nothing known without waiting: an empty optional.
std::optional<PathKind> kind_if_cached(Request& request, std::string_view path);
struct PathAnswer {
    PathKind kind = PathKind::none;
    int error = 0;
};
Async<PathAnswer> kind_of(Request& request, std::string_view path);

// Keeps the file until the request has ended.
CachedFile& pin(Request& request, FilePtr file);

// Status, log level and text for a file that could not be opened: 404, 403 or 500.
int report_open_error(Request& request, const Error& error);

// The threads that wait for this location's disk (`aio threads=NAME`).
ThreadPool& file_pool(Request& request);

// What one worker keeps of files; exists from start_worker to stop_worker. Found by the cycle, because with
// `master_process off` two workers share a thread.
class WorkerFiles {
 public:
    explicit WorkerFiles(Worker& worker);
    WorkerFiles(const WorkerFiles&) = delete;
    WorkerFiles& operator=(const WorkerFiles&) = delete;
    ~WorkerFiles();

    FileCache& cache(std::size_t index) noexcept { return *caches_[index]; }
    Worker& worker() const noexcept { return worker_; }

    static WorkerFiles& of(const Request& request);
    static WorkerFiles& of(const Cycle& cycle);

 private:
    Worker& worker_;
    WorkerFiles* next_;
    std::vector<std::unique_ptr<FileCache>> caches_;
};

}  // namespace berth::http

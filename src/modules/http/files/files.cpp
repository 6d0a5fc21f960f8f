// Opening: the cache first, then the kernel's caches, then the thread pool.
#include "modules/http/files/files.hpp"

#include <unistd.h>

#include <cerrno>

#include "core/cycle.hpp"
#include "event/file_io.hpp"
#include "event/process/worker.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/request.hpp"

namespace berth::http {
namespace {

constinit thread_local WorkerFiles* first_worker = nullptr;

FileQuery query_of(Request& request, const FilesConf& conf, std::string_view path) {
    FileQuery query{path};
    const SymlinkRule& rule = conf.disable_symlinks.value();
    query.symlinks = rule.symlinks;
    if (rule.symlinks == Symlinks::follow || !rule.has_from) return query;
    const std::string_view from = rule.from.eval(request);
    if (path.starts_with(from)) query.trusted_prefix = from.size();
    return query;
}

FilePolicy policy_of(const FilesConf& conf) {
    if (!conf.open_file_cache->on) return {};
    return {conf.open_file_cache_valid.value(), conf.open_file_cache_min_uses.value(),
            conf.open_file_cache_errors.value()};
}

FileCache* cache_of(const Request& request, const FilesConf& conf) {
    const CacheChoice& choice =
        conf.open_file_cache->on ? conf.open_file_cache.value() : conf.small_file_cache.value();
    return choice.on ? &WorkerFiles::of(request).cache(choice.index) : nullptr;
}

OpenHow how_of(const FileQuery& query, int flags) {
    OpenHow how;
    how.flags = flags;
    how.symlinks = query.symlinks;
    how.trusted_prefix = query.trusted_prefix;
    return how;
}

// O_NONBLOCK: a FIFO without a writer must not hold anybody.
constexpr int kReading = O_RDONLY | O_NONBLOCK;

bool out_of_descriptors(const Error& error) { return error.code == EMFILE || error.code == ENFILE; }

// The content belongs to the stamp only when the file is the same after reading it.
void keep_if_unchanged(CachedFile& file, FileBytes bytes) {
    struct stat after {};
    if (bytes.size != file.size() || ::fstat(file.fd(), &after) != 0) return;
    if (FileStamp::of(after) == file.stamp()) file.keep(std::move(bytes.buffer));
}

Async<FileResult> load(Request& request, FileCache* cache, FileQuery query, FilePolicy policy) {
    const OpenHow how = how_of(query, kReading);
    ThreadPool& pool = file_pool(request);
    Result<OpenedFile> opened = co_await open_file(request, pool, query.path, how);
    if (!opened && cache != nullptr && out_of_descriptors(opened.error())) {
        cache->clear();
        opened = co_await open_file(request, pool, query.path, how);
    }
    if (!opened) {
        if (cache != nullptr) cache->put_error(query, policy, opened.error().code);
        co_return opened.error();
    }
    FilePtr file = CachedFile::make(std::move(opened->fd), opened->status);
    if (cache == nullptr) co_return file;
    if (cache->wants_content(*file)) {
        const std::size_t size = static_cast<std::size_t>(file->size());
        Result<FileBytes> bytes = co_await read_file(request, pool, file->fd(), 0, size);
        if (bytes) keep_if_unchanged(*file, std::move(*bytes));
    }
    cache->put(query, policy, file);
    co_return file;
}

Async<FileResult> open_past_cache(Request& request, FileQuery query, int flags) {
    const OpenHow how = how_of(query, flags);
    ThreadPool& pool = file_pool(request);
    Result<OpenedFile> opened = co_await open_file(request, pool, query.path, how);
    if (!opened) co_return opened.error();
    FilePtr file = CachedFile::make(std::move(opened->fd), opened->status);
    co_return file;
}

PathKind kind_of_file(const CachedFile& file) {
    return file.directory() ? PathKind::directory : PathKind::file;
}

}  // namespace

std::optional<FileResult> open_if_cached(Request& request, std::string_view path) {
    const FilesConf& conf = request.conf<FilesConf>();
    FileCache* cache = cache_of(request, conf);
    if (cache == nullptr) return std::nullopt;
    FileCache::Answer answer = cache->find(query_of(request, conf, path), policy_of(conf));
    if (answer.file) return std::move(answer.file);
    if (answer.error != 0) return system_error("open", path, answer.error);
    return std::nullopt;
}

Async<FileResult> open_cached(Request& request, std::string_view path) {
    if (std::optional<FileResult> known = open_if_cached(request, path)) return std::move(*known);
    const FilesConf& conf = request.conf<FilesConf>();
    return load(request, cache_of(request, conf), query_of(request, conf, path), policy_of(conf));
}

Async<FileResult> open_directly(Request& request, std::string_view path, int extra_flags) {
    const FileQuery query = query_of(request, request.conf<FilesConf>(), path);
    return open_past_cache(request, query, kReading | extra_flags);
}

OpenHow open_how(Request& request, std::string_view path) {
    return how_of(query_of(request, request.conf<FilesConf>(), path), O_RDONLY);
}

std::optional<PathKind> kind_if_cached(Request& request, std::string_view path) {
    const std::optional<FileResult> known = open_if_cached(request, path);
    if (!known) return std::nullopt;
    return known->ok() ? kind_of_file(***known) : PathKind::none;
}

Async<PathAnswer> kind_of(Request& request, std::string_view path) {
    PathAnswer answer;
    FileResult opened = co_await open_cached(request, path);
    if (!opened && opened.error().code == EACCES) {
        const FileQuery query = query_of(request, request.conf<FilesConf>(), path);
        opened = co_await open_past_cache(request, query, O_PATH);
    }
    if (opened) {
        answer.kind = kind_of_file(**opened);
    } else {
        answer.error = opened.error().code;
    }
    co_return answer;
}

CachedFile& pin(Request& request, FilePtr file) { return **request.arena().create<FilePtr>(std::move(file)); }

int report_open_error(Request& request, const Error& error) {
    switch (error.code) {
        case ENOENT:
        case ENOTDIR:
        case ENAMETOOLONG:
            if (request.conf<LocationConf>().log_not_found.value()) {
                request.log_at(LogLevel::error, "{}", error.message);
            }
            return 404;
        case EACCES:
        case EPERM:
        case ELOOP:
        case EMLINK:
        case ENXIO: request.log_at(LogLevel::error, "{}", error.message); return 403;
        default: request.log_at(LogLevel::crit, "{}", error.message); return 500;
    }
}

ThreadPool& file_pool(Request& request) {
    Worker& worker = request.worker();
    const std::string& name = request.conf<FilesConf>().pool;
    ThreadPool* named = name.empty() ? nullptr : worker.thread_pool(name);
    return named != nullptr ? *named : *worker.thread_pool();
}

WorkerFiles::WorkerFiles(Worker& worker) : worker_(worker), next_(first_worker) {
    for (const FileCacheLimits& limits : worker.cycle().conf<FileCaches>().limits) {
        caches_.push_back(std::make_unique<FileCache>(worker.loop(), limits));
    }
    first_worker = this;
}

WorkerFiles::~WorkerFiles() {
    WorkerFiles** at = &first_worker;
    while (*at != this) at = &(*at)->next_;
    *at = next_;
}

WorkerFiles& WorkerFiles::of(const Cycle& cycle) {
    WorkerFiles* at = first_worker;
    while (&at->worker_.cycle() != &cycle) at = at->next_;
    return *at;
}

WorkerFiles& WorkerFiles::of(const Request& request) { return of(request.cycle()); }

}  // namespace berth::http

// error_log in http, server and location: requests that are served there are logged there.
#include "core/log/error_log_module.hpp"

#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "event/process/runtime_files.hpp"
#include "event/process/worker.hpp"
#include "modules/http/block_log.hpp"
#include "modules/http/contexts.hpp"

namespace berth::http {

namespace {

// All of them, for the last lines of a worker.
struct BlockLogs {
    std::vector<Log*> all;
};

}  // namespace

// Files are opened, and opened again, by the master: workers may not be able to.
void BlockLogConf::finish(Loader& loader) {
    if (!targets.is_set()) return;
    log = std::make_unique<Log>();
    loader.cycle().own<BlockLogs>().all.push_back(log.get());
    for (const LogTarget& target : *targets) {
        if (target.kind != LogTarget::Kind::file) {
            if (Result<void> added = log->add(target); !added) loader.error({}, added.error().message);
            continue;
        }
        make_parent_folder(loader.cycle().prefix(), target.path);
        log->add_borrowed(target, loader.cycle().own<RuntimeFiles>().add_log(target.path)->fd);
    }
}

namespace {

constexpr Directive directives[] = {
    rows::repeatable(rows::custom<&BlockLogConf::targets, take_error_log>(
        "error_log", in_http, {1, 3}, kErrorLogUsage,
        "Where errors of requests that are served in this block are logged, instead of the server's error "
        "log.")),
};

// Repeats that were not reported yet.
void flush_logs(Worker& worker) {
    for (Log* log : worker.cycle().conf<BlockLogs>().all) log->clear();
}

}  // namespace

}  // namespace berth::http

namespace berth {

extern const Module http_error_log = {
    .name = "http_error_log",
    .directives = http::directives,
    .global = conf_of<http::BlockLogs>(),
    .location = conf_of<http::BlockLogConf>(),
    .stop_worker = http::flush_logs,
};

}  // namespace berth

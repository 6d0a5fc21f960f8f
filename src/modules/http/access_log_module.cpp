// The module access_log: a line for each request that was answered.
#include "core/build_info.hpp"
#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "core/text/number.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/request.hpp"
#include "modules/shared/access_logs.hpp"
#include "modules/shared/worker_local.hpp"

namespace berth {

namespace {

using namespace http;

constexpr std::string_view kCombined =
    "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent "
    "\"$http_referer\" \"$http_user_agent\"";

constexpr LogFormat::Member kJson[] = {
    {"time", "time_iso8601"},
    {"remote_addr", "remote_addr"},
    {"remote_user", "remote_user"},
    {"request_id", "request_id"},
    {"scheme", "scheme"},
    {"host", "host"},
    {"method", "request_method"},
    {"uri", "request_uri"},
    {"protocol", "server_protocol"},
    {"status", "status", true},
    {"body_bytes_sent", "body_bytes_sent", true},
    {"request_length", "request_length", true},
    {"request_time", "request_time", true},
    {"referer", "http_referer"},
    {"user_agent", "http_user_agent"},
    {"connection", "connection", true},
    {"connection_requests", "connection_requests", true},
};

// Global.
struct HttpLogs {
    AccessLogFiles files;
    void finish(Loader& loader) { files.check_formats(loader); }
};

struct LogConf {
    Setting<AccessLogList> logs;
    Setting<LogPathCache> cache;
    void finish(Loader& loader);
};

// Only those that are used: each variable of a format costs every request a place to remember it.
void define_ready_formats(Loader& loader, AccessLogFiles& files) {
    if (NamedLogFormat* combined = files.wanted_format("combined")) {
        combined->format = *LogFormat::compile(kCombined, LogEscape::standard, *loader.variables(), {});
        combined->defined = true;
    }
    if (NamedLogFormat* json = files.wanted_format("json")) {
        json->format = LogFormat::json_object(kJson, *loader.variables());
        json->defined = true;
    }
}

// http{} is finished first, when everything has been read: it says what holds where nothing is said.
void LogConf::finish(Loader& loader) {
    AccessLogFiles& files = loader.conf<HttpLogs>().files;
    if (!logs.is_set()) logs.edit().push_back(files.plain_log(loader, BERTH_HTTP_LOG_PATH, "combined"));
    define_ready_formats(loader, files);
}

void take_log(Loader& loader, const Node& node, Setting<AccessLogList>& into) {
    loader.conf<HttpLogs>().files.read_log(loader, node, "combined", into);
}

void take_format(Loader& loader, const Node& node, HttpLogs& logs) {
    if (node.args[0].text == "combined") {
        return loader.error(node.args[0].at, "the log format \"combined\" is predefined",
                            "choose another name");
    }
    logs.files.read_format(loader, node);
}

// open_log_file_cache off | max=N [inactive=TIME] [min_uses=N] [valid=TIME]
void take_cache(Loader& loader, const Node& node, Setting<LogPathCache>& into) {
    LogPathCache cache;
    for (const Word& word : node.args) {
        const std::size_t equals = std::min(word.text.find('='), word.text.size());
        const std::string_view name = std::string_view(word.text).substr(0, equals);
        const std::string_view text =
            std::string_view(word.text).substr(std::min(equals + 1, word.text.size()));
        const auto number = parse_unsigned(text, 1U << 20U);
        const auto time = parse_duration(text);
        bool known = true;
        if (name == "max" && number) {
            cache.entries = static_cast<std::size_t>(*number);
        } else if (name == "min_uses" && number) {
            cache.min_uses = static_cast<std::uint32_t>(*number);
        } else if (name == "inactive" && time) {
            cache.inactive = *time;
        } else if (name == "valid" && time) {
            cache.valid = *time;
        } else {
            known = word.text == "off";
        }
        if (!known) {
            loader.error(word.at, "invalid parameter \"" + word.text + "\" of open_log_file_cache",
                         "write max=N [inactive=TIME] [min_uses=N] [valid=TIME], or off");
        }
    }
    into.set(cache);
}

thread_local WorkerLocal<AccessLogWriters> writers;

Verdict log(Request& request, const LogConf& conf) {
    if (conf.logs->empty()) return Verdict::next();
    if (AccessLogWriters* mine = writers.find(request.cycle())) mine->write(request, *conf.logs, *conf.cache);
    return Verdict::next();
}

Result<void> start_worker(Worker& worker) {
    writers.start(worker, worker, worker.cycle().conf<HttpLogs>().files);
    return {};
}

constexpr Directive directives[] = {
    rows::repeatable(rows::action<HttpLogs, take_format>(
        "log_format", in_http_block, {2, kAnyNumber}, "NAME [escape=default | json | none] TEXT...",
        "What a line of an access log looks like. The formats \"combined\" and \"json\" are there already.",
        Kind::value)),
    rows::repeatable(rows::custom<&LogConf::logs, take_log>(
        "access_log", in_http | in_if | in_limit_except, {1, kAnyNumber},
        "PATH [FORMAT [buffer=SIZE] [flush=TIME] [gzip[=LEVEL]] [if=CONDITION]] | syslog:... [FORMAT "
        "[if=CONDITION]] "
        "| off",
        "Where a line is written for each request. Written several times, each log gets its line.",
        Kind::value)),
    rows::custom<&LogConf::cache, take_cache>("open_log_file_cache", in_http, {1, 4},
                                              "max=N [inactive=TIME] [min_uses=N] [valid=TIME] | off",
                                              "Keeps access logs open whose paths have variables in them."),
};

}  // namespace

extern const Module http_access_log;
extern const Module http_access_log = {
    .name = "http_access_log",
    .directives = directives,
    .global = conf_of<HttpLogs>(),
    .location = conf_of<LogConf>(),
    .http = [](HttpBuilder& builder) { builder.phase<LogConf, log>(Phase::log); },
    .start_worker = start_worker,
    .stop_worker = [](Worker& worker) { writers.stop(worker); },
};

}  // namespace berth

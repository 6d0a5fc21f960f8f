// Reading log_format and access_log, and writing to what they name.
#include "modules/shared/access_logs.hpp"

#include "core/config/loader.hpp"
#include "core/cycle.hpp"
#include "core/text/number.hpp"
#include "core/value/truth.hpp"
#include "event/process/worker.hpp"

namespace berth {

namespace {

constexpr std::size_t kGzipBuffer = 64 * 1024;

bool read_escape(std::string_view word, LogEscape& escape) {
    if (word == "default") return escape = LogEscape::standard, true;
    if (word == "json") return escape = LogEscape::json, true;
    if (word == "none") return escape = LogEscape::none, true;
    return false;
}

bool read_gzip(std::string_view text, LogBuffering& buffering) {
    const auto level = text.empty() ? std::optional<std::uint64_t>(1) : parse_unsigned(text, 9);
    if (!level || *level == 0) return false;
    buffering.gzip = static_cast<int>(*level);
    return true;
}

// buffer=, flush=, gzip, if=; false when the word is none of them, or its value is wrong.
bool read_parameter(Loader& loader, const Word& word, LogBuffering& buffering, AccessLog& log) {
    const std::string_view text = word.text;
    if (text.starts_with("buffer=")) {
        const auto size = parse_size(text.substr(7));
        buffering.size = static_cast<std::size_t>(size.value_or(0));
        return buffering.size > 0;
    }
    if (text.starts_with("flush=")) {
        const auto time = parse_duration(text.substr(6));
        buffering.flush = time.value_or(Duration(0));
        return buffering.flush > Duration::zero();
    }
    if (text == "gzip") return read_gzip("", buffering);
    if (text.starts_with("gzip=")) return read_gzip(text.substr(5), buffering);
    if (!text.starts_with("if=")) return false;
    Word condition = word;
    condition.text.erase(0, 3);
    log.condition = loader.compile(condition);
    log.conditional = true;
    return true;
}

}  // namespace

NamedLogFormat& AccessLogFiles::format(std::string_view name, const Origin& at) {
    for (NamedLogFormat& known : formats_) {
        if (known.name == name) return known;
    }
    NamedLogFormat& made = formats_.emplace_back();
    made.name = name;
    made.first_use = at;
    return made;
}

NamedLogFormat* AccessLogFiles::wanted_format(std::string_view name) {
    for (NamedLogFormat& known : formats_) {
        if (known.name == name) return known.defined ? nullptr : &known;
    }
    return nullptr;
}

void AccessLogFiles::read_format(Loader& loader, const Node& node) {
    NamedLogFormat& named = format(node.args[0].text, node.at);
    if (named.defined) {
        return loader.error(node.args[0].at, "duplicate \"log_format\" name \"" + named.name + "\"");
    }
    named.defined = true;
    LogEscape escape = LogEscape::standard;
    std::string text;
    for (std::size_t i = 1; i < node.args.size(); ++i) {
        const Word& word = node.args[i];
        if (i > 1 || !word.text.starts_with("escape=")) {
            text += word.text;
        } else if (!read_escape(std::string_view(word.text).substr(7), escape)) {
            loader.error(word.at, "unknown log format escaping \"" + word.text.substr(7) + "\"",
                         "it is one of: default, json, none");
        }
    }
    Result<LogFormat> compiled = LogFormat::compile(text, escape, *loader.variables(), node.at);
    if (!compiled) return loader.error(node.at, compiled.error().message);
    named.format = *std::move(compiled);
}

std::size_t AccessLogFiles::file_index(Loader& loader, const Origin& at, std::string_view path,
                                       const LogBuffering& buffering) {
    RuntimeFiles::LogFile* file =
        loader.cycle().own<RuntimeFiles>().add_log(loader.cycle().below_prefix(path));
    for (std::size_t i = 0; i < files_.size(); ++i) {
        if (files_[i].file != file) continue;
        if (files_[i].buffering != buffering) {
            loader.error(
                at, "access_log \"" + std::string(path) + "\" already defined with conflicting parameters",
                "a file is buffered in one way, wherever it is named");
        }
        return i;
    }
    files_.push_back({file, buffering});
    return files_.size() - 1;
}

bool AccessLogFiles::read_place(Loader& loader, const Node& node, const LogBuffering& buffering,
                                AccessLog& log) {
    const Word& place = node.args[0];
    if (place.text.starts_with("syslog:")) {
        Result<SyslogTarget> target = SyslogTarget::parse(std::string_view(place.text).substr(7));
        if (!target) return loader.error(place.at, target.error().message), false;
        log.kind = AccessLog::Kind::syslog;
        log.index = syslogs_.size();
        syslogs_.push_back(*std::move(target));
        if (buffering.size > 0) loader.error(node.at, "logs to syslog cannot be buffered");
        return true;
    }
    log.path = loader.compile(place);
    if (log.path.is_constant()) {
        log.index = file_index(loader, place.at, place.text, buffering);
        return true;
    }
    log.kind = AccessLog::Kind::path;
    if (buffering.size > 0) loader.error(node.at, "buffered logs cannot have variables in their name");
    Word absolute = place;
    absolute.text = loader.cycle().below_prefix(place.text);
    if (!place.text.starts_with('$')) log.path = loader.compile(absolute);
    return true;
}

void AccessLogFiles::read_log(Loader& loader, const Node& node, std::string_view fallback,
                              Setting<AccessLogList>& into) {
    if (node.args[0].text == "off") {
        if (node.args.size() > 1) loader.error(node.args[1].at, "\"off\" stands alone");
        into.edit().clear();
        return;
    }
    LogBuffering buffering;
    AccessLog log;
    for (std::size_t i = 2; i < node.args.size(); ++i) {
        if (read_parameter(loader, node.args[i], buffering, log)) continue;
        return loader.error(node.args[i].at, "invalid parameter \"" + node.args[i].text + "\" of access_log",
                            "it is one of: buffer=SIZE, flush=TIME, gzip, gzip=1…9, if=CONDITION");
    }
    if (buffering.gzip > 0 && buffering.size == 0) buffering.size = kGzipBuffer;
    if (buffering.size == 0 && buffering.flush > Duration::zero()) {
        return loader.error(node.at, "\"flush\" needs a buffer", "write buffer=32k flush=1m");
    }
    if (!read_place(loader, node, buffering, log)) return;
    log.format = &format(node.args.size() > 1 ? std::string_view(node.args[1].text) : fallback,
                         node.args.size() > 1 ? node.args[1].at : node.at);
    into.edit().push_back(std::move(log));
}

AccessLog AccessLogFiles::plain_log(Loader& loader, std::string_view path, std::string_view name) {
    AccessLog log;
    log.format = &format(name, {});
    log.index = file_index(loader, {}, path, {});
    return log;
}

void AccessLogFiles::check_formats(Loader& loader) {
    for (const NamedLogFormat& format : formats_) {
        if (!format.defined) loader.error(format.first_use, "unknown log format \"" + format.name + "\"");
    }
}

AccessLogWriters::AccessLogWriters(Worker& worker, const AccessLogFiles& files)
    : log_(worker.log()),
      lost_(worker.loop(), worker.log()),
      paths_(worker.loop(), *worker.thread_pool(), worker.log(), lost_) {
    for (const AccessLogFiles::File& file : files.files()) {
        files_.emplace_back(worker.loop(), *file.file, file.buffering, lost_);
    }
    for (const SyslogTarget& target : files.syslogs()) {
        if (Result<void> opened = syslogs_.emplace_back(target).socket.open(); !opened) {
            worker.log().error("{}", opened.error().message);
        }
    }
}

void AccessLogWriters::send(Syslog& syslog) {
    const SyslogTarget& target = syslog.socket.target();
    const int error = syslog.socket.send(line_) ? 0 : errno;
    if (syslog_refuses(error)) return lost_.add("syslog:server=" + target.server.to_text(), error);
    if (error != 0) lost_.add_untold();
    if (const std::string news = syslog.watch.note("access_log", target, error); !news.empty())
        log_.crit("{}", news);
}

void AccessLogWriters::write(VariableHost& host, const AccessLogList& logs, const LogPathCache& cache) {
    for (const AccessLog& log : logs) {
        if (log.conditional) {
            if (!is_true(log.condition.eval(host))) continue;
        }
        line_.clear();
        log.format->format.write(host, line_);
        if (log.kind == AccessLog::Kind::syslog) {
            send(syslogs_[log.index]);
            continue;
        }
        line_ += '\n';
        if (log.kind == AccessLog::Kind::file) {
            files_[log.index].write(line_);
        } else {
            paths_.write(log.path.eval(host), line_, cache);
        }
    }
}

}  // namespace berth

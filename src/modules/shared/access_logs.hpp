// The access logs of a protocol: the formats, the files, and each worker's way to them. HTTP and stream have
// one each.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/config/setting.hpp"
#include "core/config/tree.hpp"
#include "core/log/syslog.hpp"
#include "core/log/syslog_watch.hpp"
#include "core/value/value.hpp"
#include "modules/shared/log_format.hpp"
#include "modules/shared/log_paths.hpp"
#include "modules/shared/log_writer.hpp"

namespace berth {

class Loader;
class Worker;

struct NamedLogFormat {
    std::string name;
    LogFormat format;
    bool defined = false;
    Origin first_use;
};

// One access_log of one block.
struct AccessLog {
    enum class Kind : std::uint8_t { file, path, syslog } kind = Kind::file;
    const NamedLogFormat* format = nullptr;
    std::size_t index = 0;  // file, syslog: which of AccessLogFiles'
    Value path;             // path
    Value condition;        // if=
    bool conditional = false;
};

// What access_log says in a block; `off` is an empty list.
using AccessLogList = std::vector<AccessLog>;

// Once for a protocol in a cycle, filled while it is loaded.
class AccessLogFiles {
 public:
    struct File {
        RuntimeFiles::LogFile* file;
        LogBuffering buffering;
    };

    // log_format NAME [escape=…] TEXT…
    void read_format(Loader& loader, const Node& node);
    // access_log off | PATH [FORMAT [buffer=…] [flush=…] [gzip[=…]] [if=…]]; `fallback` is the format's
    // default name.
    void read_log(Loader& loader, const Node& node, std::string_view fallback, Setting<AccessLogList>& into);
    // A log in `path` with all defaults.
    AccessLog plain_log(Loader& loader, std::string_view path, std::string_view format);
    // The format of that name; it may be defined later.
    NamedLogFormat& format(std::string_view name, const Origin& at);
    // For the formats that a protocol has ready: the one of that name if a log asked for it and nobody
    // defined it.
    NamedLogFormat* wanted_format(std::string_view name);
    // Reports the formats that nobody defined.
    void check_formats(Loader& loader);

    const std::deque<File>& files() const noexcept { return files_; }
    const std::deque<SyslogTarget>& syslogs() const noexcept { return syslogs_; }

 private:
    std::size_t file_index(Loader& loader, const Origin& at, std::string_view path,
                           const LogBuffering& buffering);
    bool read_place(Loader& loader, const Node& node, const LogBuffering& buffering, AccessLog& log);

    std::deque<NamedLogFormat> formats_;
    std::deque<File> files_;
    std::deque<SyslogTarget> syslogs_;
};

// A worker's open logs.
class AccessLogWriters {
 public:
    AccessLogWriters(Worker& worker, const AccessLogFiles& files);

    // Writes the line of `host` to all of them whose condition holds.
    void write(VariableHost& host, const AccessLogList& logs, const LogPathCache& cache);
    std::uint64_t lost() const noexcept { return lost_.count(); }

 private:
    struct Syslog {
        explicit Syslog(const SyslogTarget& target) : socket(target) {}
        SyslogSocket socket;
        SyslogWatch watch;
    };
    void send(Syslog& syslog);

    Log& log_;
    LostLines lost_;
    LogPaths paths_;
    std::deque<LogWriter> files_;
    std::deque<Syslog> syslogs_;
    std::string line_;
};

}  // namespace berth

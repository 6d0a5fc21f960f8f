// ErrorLogConf: where the whole server's error log goes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/setting.hpp"
#include "core/log/log.hpp"

namespace berth {

class Cycle;
class Loader;
struct Node;

// Global.
struct ErrorLogConf {
    Setting<std::vector<LogTarget>> targets;  // paths absolute; unset: -e, or the built-in path
};

// The arguments of error_log, in whatever block: adds the target, its path absolute; problems are reported.
void take_error_log(Loader& loader, const Node& node, Setting<std::vector<LogTarget>>& into);

inline constexpr std::string_view kErrorLogUsage =
    "PATH | stderr | syslog:… [debug | info | notice | warn | error | crit | alert | emerg] [format=json]";

// Opens the error log of a configuration into `log`, which is empty: what `error_log` names, else the path of
// -e, else the built-in one. An error leaves it half open.
Result<void> open_error_log(const Cycle& cycle, Log& log);

// Makes the folder that `path` stands in, when it is missing and below the prefix: `logs/` of a fresh start.
// What cannot be made shows when the file is opened.
void make_parent_folder(const std::string& prefix, const std::string& path);

// The file of -e or the built-in one, absolute; "stderr" stays that word.
std::string default_error_log(const Cycle& cycle);

}  // namespace berth

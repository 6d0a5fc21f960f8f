// http_files: where files are (root, alias), which links are followed, and what is remembered of them.
#include <unistd.h>

#include <climits>

#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"
#include "core/text/ascii.hpp"
#include "core/text/number.hpp"
#include "event/process/worker.hpp"
#include "modules/http/blocks.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/files/files.hpp"
#include "modules/http/location.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace http {
namespace {

// --- directives

bool already_mapped(Loader& loader, const Node& node, const Setting<Mapping>& setting) {
    if (!setting.is_set()) return false;
    const std::string other = setting->alias ? "alias" : "root";
    loader.error(node.at, "\"" + node.name + "\" stands beside \"" + other + "\"",
                 "a location has one of them, once");
    return true;
}

void take_root(Loader& loader, const Node& node, Setting<Mapping>& setting) {
    if (already_mapped(loader, node, setting)) return;
    Mapping mapping;
    mapping.value = loader.compile(node.args[0]);
    if (node.args[0].text.empty()) loader.error(node.args[0].at, "\"root\" is empty");
    setting.set(std::move(mapping));
}

void check_slashes(Loader& loader, const Node& node, const Location& location, const Value& value) {
    const bool prefix =
        location.kind == Location::Kind::prefix || location.kind == Location::Kind::prefix_final;
    if (!prefix || !value.is_constant()) return;
    const bool name_ends = location.name.ends_with('/');
    if (name_ends == value.constant().ends_with('/')) return;
    loader.warning(node.args[0].at,
                   "location \"" + location.name + "\" and its alias do not both end in a slash",
                   "what follows the name is put behind the alias as it is; write both with a slash");
}

void take_alias(Loader& loader, const Node& node, Setting<Mapping>& setting) {
    if (already_mapped(loader, node, setting)) return;
    const Location* location = current_location(loader);
    if (location->kind == Location::Kind::named) {
        loader.error(node.at, "\"alias\" cannot be used in a named location", "use \"root\"");
        return;
    }
    Mapping mapping;
    mapping.value = loader.compile(node.args[0]);
    mapping.alias = true;
    mapping.location = location;
    if (node.args[0].text.empty()) loader.error(node.args[0].at, "\"alias\" is empty");
    check_slashes(loader, node, *location, mapping.value);
    setting.set(std::move(mapping));
}

void take_symlinks(Loader& loader, const Node& node, Setting<SymlinkRule>& setting) {
    SymlinkRule rule;
    for (const Word& word : node.args) {
        const std::string_view text = word.text;
        if (text == "off") {
            rule.symlinks = Symlinks::follow;
        } else if (text == "on") {
            rule.symlinks = Symlinks::refuse;
        } else if (text == "if_not_owner") {
            rule.symlinks = Symlinks::owner_checked;
        } else if (text.starts_with("from=") && text.size() > 5) {
            Word from = word;
            from.text.erase(0, 5);
            rule.from = loader.compile(from);
            rule.has_from = true;
        } else {
            loader.error(word.at, "invalid value \"" + word.text + "\" in \"disable_symlinks\"",
                         "on, if_not_owner, off and from=PART are allowed");
        }
    }
    setting.set(std::move(rule));
}

// One `name=value` of a cache's limits; false when it is none.
bool take_limit(std::string_view text, FileCacheLimits& limits) {
    const std::size_t equals = text.find('=');
    if (equals == text.npos) return false;
    const std::string_view name = text.substr(0, equals);
    const std::string_view value = text.substr(equals + 1);
    if (name == "inactive") {
        const auto time = parse_duration(value);
        return time && *time > Duration::zero() && (limits.inactive = *time, true);
    }
    if (name == "settle") {
        const auto time = parse_duration(value);
        if (!time || time->count() % 1000 != 0) return false;
        limits.settle = std::chrono::duration_cast<std::chrono::seconds>(*time);
        return true;
    }
    if (name == "max") {
        const auto count = parse_unsigned(value, 10'000'000);
        return count && *count > 0 && (limits.entries = *count, true);
    }
    const auto bytes = parse_size(value);
    if (!bytes || *bytes > (std::uint64_t{1} << 40)) return false;
    if (name == "size") return limits.bytes = *bytes, true;
    if (name == "file") return limits.file = *bytes, true;
    return false;
}

void take_cache(Loader& loader, const Node& node, Setting<CacheChoice>& setting, FileCacheLimits limits,
                std::string_view allowed) {
    if (node.args.size() == 1 && node.args[0].text == "off") return setting.set({false, 0});
    for (const Word& word : node.args) {
        if (take_limit(word.text, limits)) continue;
        loader.error(word.at, "invalid value \"" + word.text + "\" in \"" + node.name + "\"",
                     std::string(allowed));
    }
    std::vector<FileCacheLimits>& all = loader.cycle().own<FileCaches>().limits;
    all.push_back(limits);
    setting.set({true, all.size() - 1});
}

void take_small_cache(Loader& loader, const Node& node, Setting<CacheChoice>& setting) {
    take_cache(loader, node, setting, {},
               "max=N, size=SIZE, file=SIZE, inactive=TIME, settle=TIME (whole seconds) or off");
}

void take_open_cache(Loader& loader, const Node& node, Setting<CacheChoice>& setting) {
    FileCacheLimits limits;
    limits.inactive = std::chrono::seconds(60);
    const bool off = node.args.size() == 1 && node.args[0].text == "off";
    bool bounded = off;
    for (const Word& word : node.args) bounded |= word.text.starts_with("max=");
    if (!bounded) loader.error(node.at, "\"open_file_cache\" needs max=N", "or off");
    take_cache(loader, node, setting, limits, "max=N, inactive=TIME or off");
}

void take_aio(Loader& loader, const Node& node, Setting<std::string>& setting) {
    const std::string& text = node.args[0].text;
    const bool known = text == "on" || text == "off" || text == "threads";
    if (!known && !text.starts_with("threads=")) {
        loader.error(node.args[0].at, "invalid value \"" + text + "\" in \"aio\"",
                     "on, off, threads and threads=POOL are allowed");
    }
    setting.set(text);
}

// --- variables

VariableText get_document_root(VariableHost& host, std::uintptr_t) {
    return {document_root(as_request(host))};
}

VariableText get_request_filename(VariableHost& host, std::uintptr_t) {
    const std::optional<std::string_view> path = map_uri(as_request(host));
    return path ? VariableText{*path} : VariableText::missing();
}

VariableText get_realpath_root(VariableHost& host, std::uintptr_t) {
    Request& request = as_request(host);
    OpenHow how;
    how.flags = O_PATH;
    const Result<FileDescriptor> root = open_file(document_root(request), how);
    if (!root) return VariableText::missing();
    char target[PATH_MAX];
    const std::string link = "/proc/self/fd/" + std::to_string(root->get());
    const ssize_t size = ::readlink(link.c_str(), target, sizeof target);
    if (size <= 0) return VariableText::missing();
    return {request.arena().copy({target, static_cast<std::size_t>(size)})};
}

void add_variables(HttpBuilder& builder) {
    Variables& variables = builder.variables();
    variables.define("document_root", get_document_root, 0, Caching::never);
    variables.define("request_filename", get_request_filename, 0, Caching::never);
    variables.define("realpath_root", get_realpath_root, 0, Caching::never);
}

}  // namespace

void FilesConf::finish(Loader& loader) {
    const Value& value = mapping->value;
    may_climb = value.source().find("..") != std::string::npos;
    if (value.is_constant() && !value.constant().empty()) {
        base = loader.cycle().below_prefix(value.constant());
        if (!mapping->alias && base.ends_with('/')) base.pop_back();
        // The root of the file system itself: "" would mean that it is not constant.
        if (base.empty()) base = "/.";
    }
    if (aio->starts_with("threads=")) pool = aio->substr(8);
}

}  // namespace http

namespace {

using namespace berth::rows;
using http::FilesConf;

constexpr Between kPositive{1};

constexpr Directive directives[] = {
    defaults_to("html",
                custom<&FilesConf::mapping, http::take_root>(
                    "root", http::in_http | http::in_if, {1, 1}, "PATH",
                    "The folder that request paths are looked up in: root and URI together are the file.",
                    Kind::value)),
    custom<&FilesConf::mapping, http::take_alias>(
        "alias", http::in_location, {1, 1}, "PATH",
        "What the location's name stands for: it is replaced by this path. In a location with a regular "
        "expression it is the whole path.",
        Kind::value),
    defaults_to(
        "off",
        custom<&FilesConf::disable_symlinks, http::take_symlinks>(
            "disable_symlinks", http::in_http, {1, 2}, "on | if_not_owner | off [from=PART]",
            "Whether files are refused that are reached through symbolic links: all, or those that belong to "
            "somebody else than what they point at. Links in PART are allowed. Checked while opening, so "
            "that a link cannot be exchanged in between.",
            Kind::value)),
    defaults_to(
        "max=1024 size=16m file=64k inactive=10s settle=2s",
        custom<&FilesConf::small_file_cache, http::take_small_cache>(
            "small_file_cache", http::in_http, {1, 5},

            "[max=N] [size=SIZE] [file=SIZE] [inactive=TIME] [settle=TIME] | off",
            "Keeps small files in memory and larger ones open, in each worker: at most N, SIZE of memory in "
            "all, files up to file=SIZE, for TIME unused (max=1024 size=16m file=64k inactive=10s "
            "settle=2s). What is served is never stale: in each turn of the loop that needs it, the path is "
            "looked at once, and the file is used only when device, inode, size and times of modification "
            "and change are the same; a file that changed within settle=TIME is not kept, nor is one on a "
            "network or user-space file system. Writes through shared mappings can go unnoticed: replace "
            "such files.")),
    defaults_to("off", custom<&FilesConf::open_file_cache, http::take_open_cache>(
                           "open_file_cache", http::in_http, {1, 2}, "max=N [inactive=TIME] | off",
                           "Keeps up to N files, folders and errors that were opened, for TIME (60s) unused, "
                           "without looking at them again for open_file_cache_valid. Small files are kept in "
                           "memory. Stands in for small_file_cache.")),
    duration<&FilesConf::open_file_cache_valid>(
        "open_file_cache_valid", http::in_http,
        "How long an element of open_file_cache is used before it is compared with the file again."),
    number<&FilesConf::open_file_cache_min_uses>(
        "open_file_cache_min_uses", http::in_http,
        "How often a file must have been asked for, within open_file_cache's inactive, to be kept.",
        kPositive),
    flag<&FilesConf::open_file_cache_errors>(
        "open_file_cache_errors", http::in_http,
        "Whether open_file_cache remembers files that could not be opened."),
    defaults_to("off", custom<&FilesConf::aio, http::take_aio>(
                           "aio", http::in_http, {1, 1}, "on | off | threads[=POOL]",
                           "Which pool of threads waits for the disk. Reads that would wait are given to "
                           "threads in any case; on and off are accepted.")),
    flag<&FilesConf::aio_write>(
        "aio_write", http::in_http,
        "Whether threads write temporary files. They always do, also when it is off: a write would wait for "
        "the disk, and with it everybody."),
};

Result<void> start_worker(Worker& worker) {
    new http::WorkerFiles(worker);
    return {};
}

void stop_worker(Worker& worker) { delete &http::WorkerFiles::of(worker.cycle()); }

}  // namespace

extern const Module http_files = {.name = "http_files",
                                  .directives = directives,
                                  .global = conf_of<http::FileCaches>(),
                                  .location = conf_of<FilesConf>(),
                                  .http = http::add_variables,
                                  .start_worker = start_worker,
                                  .stop_worker = stop_worker};

}  // namespace berth

// The directive error_log of the main context.
#include "core/log/error_log_module.hpp"

#include <filesystem>

#include "core/build_info.hpp"
#include "core/config/rows.hpp"
#include "core/cycle.hpp"
#include "core/module.hpp"

namespace berth {

void take_error_log(Loader& loader, const Node& node, Setting<std::vector<LogTarget>>& into) {
    std::vector<std::string_view> words;
    for (const Word& word : node.args) words.push_back(word.text);
    Result<LogTarget> target = LogTarget::parse(words);
    if (!target) return loader.error(node.at, target.error().message);
    if (target->kind == LogTarget::Kind::file) target->path = loader.cycle().below_prefix(target->path);
    into.edit().push_back(*std::move(target));
}

namespace {

constexpr Directive directives[] = {
    rows::repeatable(rows::custom<&ErrorLogConf::targets, take_error_log>(
        "error_log", in_main, {1, 3}, kErrorLogUsage,
        "Where errors are logged, and from which level on. Written several times, each line goes to all.")),
};

}  // namespace

void make_parent_folder(const std::string& prefix, const std::string& path) {
    if (!path.starts_with(prefix)) return;
    std::error_code ignored;
    std::filesystem::create_directories(std::filesystem::path(path).parent_path(), ignored);
}

std::string default_error_log(const Cycle& cycle) {
    const std::string& given = cycle.options().error_log;
    if (given == "stderr") return given;
    return cycle.below_prefix(given.empty() ? BERTH_ERROR_LOG_PATH : given);
}

Result<void> open_error_log(const Cycle& cycle, Log& log) {
    const auto& targets = cycle.conf<ErrorLogConf>().targets;
    for (const LogTarget& target : *targets) {
        if (target.kind == LogTarget::Kind::file) make_parent_folder(cycle.prefix(), target.path);
        if (Result<void> added = log.add(target); !added) return added;
    }
    if (targets.is_set()) return {};
    LogTarget target;
    target.path = default_error_log(cycle);
    if (target.path == "stderr") target.kind = LogTarget::Kind::standard_error;
    make_parent_folder(cycle.prefix(), target.path);
    return log.add(target);
}

extern const Module error_log;
extern const Module error_log = {
    .name = "error_log", .directives = directives, .global = conf_of<ErrorLogConf>()};

}  // namespace berth

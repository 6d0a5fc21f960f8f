// Registration: every configuration struct of every module gets its slot, once.
#include "core/module.hpp"

#include <array>
#include <vector>

namespace berth {

namespace {

std::array<std::vector<ConfInfo*>, kLevels>& registry() {
    static std::array<std::vector<ConfInfo*>, kLevels> levels;
    return levels;
}

void register_conf(const Module& module, const ConfOps& ops, Level level) {
    if (ops.info == nullptr || ops.info->slot >= 0) return;
    std::vector<ConfInfo*>& of_level = registry()[static_cast<std::size_t>(level)];
    ConfInfo& info = *ops.info;
    info.level = level;
    info.slot = static_cast<int>(of_level.size());
    info.create = ops.create;
    info.merge = ops.merge;
    info.finish = ops.finish;
    info.rows = module.directives;
    of_level.push_back(&info);
}

}  // namespace

void register_modules() {
    for (const Module* module : modules()) {
        register_conf(*module, module->global, Level::global);
        register_conf(*module, module->main, Level::main);
        register_conf(*module, module->server, Level::server);
        register_conf(*module, module->location, Level::location);
    }
}

std::size_t conf_count(Level level) { return registry()[static_cast<std::size_t>(level)].size(); }

const ConfInfo& conf_at(Level level, std::size_t slot) {
    return *registry()[static_cast<std::size_t>(level)][slot];
}

}  // namespace berth

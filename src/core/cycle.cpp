// How a configuration is loaded: read, applied, inherited, checked.
#include "core/cycle.hpp"

#include "core/config/grammar.hpp"
#include "core/config/include.hpp"
#include "core/config/loader.hpp"
#include "core/module.hpp"

namespace berth {

namespace {

std::string absolute(std::string_view path, const std::string& folder) {
    if (path.starts_with('/')) return std::string(path);
    return folder + std::string(path);
}

std::string folder_of(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "./" : path.substr(0, slash + 1);
}

}  // namespace

Cycle::Cycle(CycleOptions options) : options_(std::move(options)) {
    if (options_.prefix.empty() || options_.prefix.back() != '/') options_.prefix += '/';
    conf_file_ = find_config(options_.conf_path);
    conf_folder_ = folder_of(conf_file_);
}

std::string Cycle::below_prefix(std::string_view path) const { return absolute(path, options_.prefix); }
std::string Cycle::below_conf(std::string_view path) const { return absolute(path, conf_folder_); }

std::unique_ptr<Cycle> Cycle::load(CycleOptions options, Diagnostics& diagnostics) {
    auto cycle = std::make_unique<Cycle>(std::move(options));
    const Grammar& grammar = Grammar::instance();
    const bool read =
        read_config(cycle->conf_file_, cycle->options_.extra_directives, grammar, cycle->tree_, diagnostics);
    if (read) {
        Loader loader(*cycle, grammar, diagnostics);
        loader.load(cycle->tree_.root);
        if (!diagnostics.failed()) {
            for (const Module* module : modules()) {
                if (module->init_cycle == nullptr) continue;
                Result<void> checked = module->init_cycle(*cycle);
                if (!checked) diagnostics.error(cycle->tree_.root.at, checked.error().message);
            }
        }
    }
    if (diagnostics.failed()) {
        // The findings point into the texts of the tree: they must outlive the failed configuration.
        diagnostics.keep(std::move(cycle->tree_));
        return nullptr;
    }
    return cycle;
}

}  // namespace berth

// Cycle: one loaded configuration, immutable once it is in use. A reload makes a new one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/config/conf.hpp"
#include "core/config/diagnostics.hpp"
#include "core/config/tree.hpp"
#include "core/log/log.hpp"
#include "core/memory/arena.hpp"

namespace berth {

// Where a configuration comes from and what its relative paths mean.
struct CycleOptions {
    std::string conf_path;         // file or folder, as given with -c
    std::string prefix;            // with a trailing slash; logs, pid and temporary files stand below it
    std::string error_log;         // of -e; empty: the built-in path
    std::string extra_directives;  // of -g
    std::uint64_t generation = 1;
    bool test_only = false;  // -t: check everything, keep nothing
};

class Cycle {
 public:
    explicit Cycle(CycleOptions options);
    Cycle(const Cycle&) = delete;
    Cycle& operator=(const Cycle&) = delete;

    // Reads the files, applies every directive, inherits, and runs the modules' init_cycle. Null when
    // anything is wrong: the findings are in `diagnostics`. Opens nothing but the configuration itself
    // (modules check the files they will need), so it may run on a helper thread.
    static std::unique_ptr<Cycle> load(CycleOptions options, Diagnostics& diagnostics);

    const CycleOptions& options() const noexcept { return options_; }
    std::uint64_t generation() const noexcept { return options_.generation; }
    const std::string& prefix() const noexcept { return options_.prefix; }
    // The file that was read (when -c named a folder: the one found in it), and its folder with a trailing
    // slash.
    const std::string& conf_file() const noexcept { return conf_file_; }
    const std::string& conf_folder() const noexcept { return conf_folder_; }
    const ConfigTree& tree() const noexcept { return tree_; }

    // A path of the configuration, absolute: relative ones stand below the prefix, or below the folder of the
    // configuration file (includes, certificates, keys, password files).
    std::string below_prefix(std::string_view path) const;
    std::string below_conf(std::string_view path) const;

    // Memory that lives as long as the configuration.
    Arena& arena() noexcept { return arena_; }

    ConfSet& global() noexcept { return global_; }
    const ConfSet& global() const noexcept { return global_; }
    template <class Conf>
    const Conf& conf() const {
        return global_.get<Conf>();
    }
    // For filling in what belongs to the whole configuration, while it is being loaded.
    template <class Conf>
    Conf& own() {
        return global_.own<Conf>(arena_);
    }

    Log& log() const noexcept { return *log_; }
    void use_log(Log& log) noexcept { log_ = &log; }

 private:
    CycleOptions options_;
    std::string conf_file_;
    std::string conf_folder_;
    Arena arena_;  // first: everything below points into it, or it into the tree
    ConfigTree tree_;
    ConfSet global_{Level::global};
    Log* log_ = nullptr;
};

}  // namespace berth

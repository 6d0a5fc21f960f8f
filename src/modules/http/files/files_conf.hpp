// FilesConf: where the files of a location are, and how they are opened and remembered.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/setting.hpp"
#include "core/value/value.hpp"
#include "modules/http/files/file_cache.hpp"

namespace berth {
class Loader;
}

namespace berth::http {

struct Location;

// `root` or `alias`, whichever was written; inner blocks take over both kind and place.
struct Mapping {
    Value value{std::string("html")};
    bool alias = false;
    const Location* location = nullptr;  // of an alias: whose name it stands for
};

// `disable_symlinks on|if_not_owner|off [from=part]`
struct SymlinkRule {
    Symlinks symlinks = Symlinks::follow;
    Value from;
    bool has_from = false;
};

// Which cache a location uses: an index into FileCaches::limits.
struct CacheChoice {
    bool on = true;
    std::size_t index = 0;
};

// Global: the caches that the configuration asks for. Each worker makes its own of them.
struct FileCaches {
    std::vector<FileCacheLimits> limits{FileCacheLimits{}};  // the first is the default
};

// location{}-level.
struct FilesConf {
    Setting<Mapping> mapping;
    Setting<SymlinkRule> disable_symlinks;
    Setting<CacheChoice> small_file_cache;
    Setting<CacheChoice> open_file_cache{CacheChoice{false, 0}};
    Setting<Duration> open_file_cache_valid{Duration(60'000)};
    Setting<unsigned> open_file_cache_min_uses{1};
    Setting<bool> open_file_cache_errors{false};
    Setting<std::string> aio{std::string("off")};
    Setting<bool> aio_write{false};

    void finish(Loader& loader);

    // Made by finish(): the constant value, absolute; empty when it has variables.
    std::string base;
    std::string pool;        // which threads wait for the disk
    bool may_climb = false;  // the configuration itself says ".."
};

}  // namespace berth::http

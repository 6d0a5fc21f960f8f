// BlockLogConf: the error log of a block of http{}, where it has one of its own.
#pragma once

#include <memory>
#include <vector>

#include "core/config/setting.hpp"
#include "core/log/log.hpp"

namespace berth {
class Loader;
}

namespace berth::http {

// Location level.
struct BlockLogConf {
    Setting<std::vector<LogTarget>> targets;
    // Null where no block on the way has an error_log: the whole server's is used. Shared by the blocks
    // inside.
    std::unique_ptr<Log> log;

    void finish(Loader& loader);
};

}  // namespace berth::http

// The thread that loads.
#include "event/process/reload.hpp"

#include <unistd.h>

namespace berth {

Reload::Reload(EventLoop& loop, CycleOptions options, Callback<> loaded) : loaded_(loaded) {
    thread_ = std::thread([this, &loop, options = std::move(options)] {
        generation_ = load_generation(options, report_);
        loop.post_from_thread(*this);
    });
}

Reload::~Reload() { thread_.join(); }

void end_despite_thread(bool at_work, Log& log) {
    if (!at_work) return;
    log.clear();
    ::_exit(0);
}

}  // namespace berth

// The thread that loads.
#include "event/process/reload.hpp"

namespace berth {

Reload::Reload(EventLoop& loop, CycleOptions options, Callback<> loaded) : loaded_(loaded) {
    thread_ = std::thread([this, &loop, options = std::move(options)] {
        generation_ = load_generation(options, report_);
        loop.post_from_thread(*this);
    });
}

Reload::~Reload() { thread_.join(); }

}  // namespace berth

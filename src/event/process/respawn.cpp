// The back-off of respawning.
#include "event/process/respawn.hpp"

#include <algorithm>

namespace berth {

Duration RespawnPolicy::died(TimePoint now, std::optional<Duration> ready_for) {
    bool failure = !ready_for;
    if (ready_for && *ready_for < kYoung) {
        young_.push_back(now);
        while (now - young_.front() > kWindow) young_.pop_front();
        failure = young_.size() > kTolerated;
    }
    if (!failure) return Duration(0);
    if (const TimePoint waits_until = last_failure_ + last_delay_; failures_ > 0 && now < waits_until) {
        return std::chrono::ceil<Duration>(waits_until - now);
    }
    if (failures_ > 0 && now - last_failure_ > last_delay_ + kWindow) failures_ = 0;

    Duration wait = delay_.first;
    for (unsigned i = 0; i < failures_ && wait < delay_.longest; ++i) wait = std::max(wait * 2, kStep);
    ++failures_;
    last_failure_ = now;
    last_delay_ = std::min(wait, delay_.longest);
    return last_delay_;
}

}  // namespace berth

// The list of zones that are held.
#include "core/memory/zones.hpp"

#include <map>
#include <mutex>

namespace berth {

namespace {

struct Held {
    std::size_t asked = 0;
    std::weak_ptr<Zone> zone;
};

std::mutex mutex;

std::map<std::string, Held>& held_zones() {
    static std::map<std::string, Held> zones;
    return zones;
}

}  // namespace

Result<std::shared_ptr<Zone>> open_zone(const std::string& name, std::size_t size, ZoneSize match) {
    const std::lock_guard guard(mutex);
    std::erase_if(held_zones(), [](const auto& entry) { return entry.second.zone.expired(); });
    const auto found = held_zones().find(name);
    if (found != held_zones().end()) {
        const std::size_t has = found->second.asked;
        if (has == size || (match == ZoneSize::at_least && has > size)) {
            if (std::shared_ptr<Zone> zone = found->second.zone.lock()) return zone;
        }
    }
    Result<Zone> zone = Zone::create(name, size);
    if (!zone) return zone.error();
    auto shared = std::make_shared<Zone>(*std::move(zone));
    held_zones()[name] = {size, shared};
    return shared;
}

}  // namespace berth

// Zones by name: how one configuration finds the shared memory of the one before it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "core/memory/zone.hpp"

namespace berth {

enum class ZoneSize : unsigned char {
    exact,     // a zone of another size is a new one: it begins empty
    at_least,  // a larger one of that name will do
};

// The zone of that name that somebody in this process holds already, or a new one. It is unmapped here when
// its last holder lets it go. For the process that loads configurations, before it forks; thread-safe.
Result<std::shared_ptr<Zone>> open_zone(const std::string& name, std::size_t size,
                                        ZoneSize match = ZoneSize::exact);

}  // namespace berth

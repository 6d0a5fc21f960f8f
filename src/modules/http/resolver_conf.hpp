// HttpResolverConf: which resolver a location's requests ask for names, and how long they wait for it.
#pragma once

#include "core/config/setting.hpp"
#include "modules/upstream/resolvers.hpp"

namespace berth::http {

struct HttpResolverConf {
    Setting<const upstream::ResolverConf*> resolver{nullptr};
    Setting<upstream::Milliseconds> timeout{upstream::kResolverTimeout};

    // http{} is finished first: what it says holds for the upstreams that say nothing.
    void finish(Loader& loader);
};

}  // namespace berth::http

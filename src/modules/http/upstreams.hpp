// The upstreams of http{}: where proxy modules find what their URLs name.
#pragma once

#include "core/cycle.hpp"
#include "modules/upstream/upstreams.hpp"

namespace berth::http {

// Once in a configuration.
struct UpstreamConf {
    upstream::Upstreams upstreams;

    void finish(Loader& loader) { upstreams.check_names(loader); }
};

// While the configuration is loaded; Upstreams::use() from Conf::finish.
inline upstream::Upstreams& http_upstreams(Loader& loader) {
    return loader.cycle().own<UpstreamConf>().upstreams;
}
// Later: for names that variables make.
inline const upstream::Upstreams& http_upstreams(const Cycle& cycle) {
    return cycle.conf<UpstreamConf>().upstreams;
}

}  // namespace berth::http

// http_upstream_engine: what all protocols to backends share: variables.
#include "core/module.hpp"

#include "modules/http/builder.hpp"
#include "modules/http/upstream/variables.hpp"

namespace berth {

extern const Module http_upstream_engine = {
    .name = "http_upstream_engine",
    .http = [](http::HttpBuilder& builder) { http::define_upstream_variables(builder.variables()); }};

}  // namespace berth

// The handler of proxy_pass.
#pragma once

#include "modules/http/request.hpp"

namespace berth::http {

// `conf` is the ProxyConf whose block says proxy_pass; the other settings are those in force for the request.
Async<Verdict> handle_proxy(Request& request, const void* conf);

}  // namespace berth::http

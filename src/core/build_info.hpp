// What ./configure chose: version, paths, user. Headers that configure did not write fall back to its
// defaults.
#pragma once

#include <string_view>

#if __has_include("berth_config.hpp")
#include "berth_config.hpp"
#endif

#ifndef BERTH_VERSION
#define BERTH_VERSION "0.1.0"
#endif
#ifndef BERTH_COMPILER
#define BERTH_COMPILER __VERSION__
#endif
#ifndef BERTH_CONFIGURE_ARGUMENTS
#define BERTH_CONFIGURE_ARGUMENTS ""
#endif
#ifndef BERTH_PREFIX
#define BERTH_PREFIX "/usr/local/berth"
#define BERTH_SBIN_PATH "sbin/berth"
#define BERTH_CONF_PATH "conf/cluster.yaml"
#define BERTH_PID_PATH "logs/berth.pid"
#define BERTH_ERROR_LOG_PATH "logs/error.log"
#define BERTH_HTTP_LOG_PATH "logs/access.log"
#define BERTH_USER "nobody"
#define BERTH_GROUP ""
#endif

namespace berth {

// Whether ./configure was told --without-NAME_module for any module.
constexpr bool kLeavesModulesOut = [] {
    constexpr std::string_view kArguments = BERTH_CONFIGURE_ARGUMENTS;
    constexpr std::string_view kOption = "--without-";
    for (std::size_t at = kArguments.find(kOption); at != kArguments.npos;
         at = kArguments.find(kOption, at + 1)) {
        const std::size_t end = kArguments.find_first_of(" '", at);
        if (kArguments.substr(at, end - at).ends_with("_module")) return true;
    }
    return false;
}();

}  // namespace berth

// The module access of HTTP: who may, by address.
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/core_conf.hpp"
#include "modules/http/request.hpp"
#include "modules/shared/access_rules.hpp"

namespace berth {

namespace {

using namespace http;

struct AccessConf {
    Setting<AccessRules> rules;
};

Verdict check(Request& request, const AccessConf& conf) {
    switch (access_of(*conf.rules, request.stream().connection().peer())) {
        case AccessAnswer::none: return Verdict::next();
        case AccessAnswer::allowed: return Verdict::allow();
        case AccessAnswer::denied: break;
    }
    if (*request.conf<LocationConf>().satisfy == Satisfy::all) {
        request.log_at(LogLevel::error, "access forbidden by rule");
    }
    return Verdict::reply(403);
}

constexpr Directive directives[] = {
    rows::repeatable(rows::custom<&AccessConf::rules, take_allow>(
        "allow", in_http | in_limit_except, {1, 1}, "NETWORK | ADDRESS | unix: | all",
        "Lets clients from there pass. The first of all allow and deny lines that fits a client counts.")),
    rows::repeatable(rows::custom<&AccessConf::rules, take_deny>(
        "deny", in_http | in_limit_except, {1, 1}, "NETWORK | ADDRESS | unix: | all",
        "Refuses clients from there with 403. The first of all allow and deny lines that fits a client "
        "counts.")),
};

}  // namespace

extern const Module http_access;
extern const Module http_access = {
    .name = "http_access",
    .directives = directives,
    .location = conf_of<AccessConf>(),
    .http = [](HttpBuilder& builder) { builder.phase<AccessConf, check>(Phase::access); },
};

}  // namespace berth

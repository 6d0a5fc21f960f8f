// Variables that tell when: $msec, $time_local, $time_iso8601, $request_time.
#include "modules/http/request.hpp"
#include "modules/http/variables/groups.hpp"
#include "modules/http/variables/texts.hpp"

namespace berth::http {

namespace {

VariableText get_msec(VariableHost& host, std::uintptr_t) {
    return seconds(host, as_request(host).loop().wall().milliseconds());
}

VariableText get_request_time(VariableHost& host, std::uintptr_t) {
    const Request& request = as_request(host);
    const Duration spent = request.loop().now() - request.started_at();
    return seconds(host, static_cast<std::uint64_t>(std::max<Duration::rep>(spent.count(), 0)));
}

// The clock's own texts change at its next update.
VariableText get_time_local(VariableHost& host, std::uintptr_t) {
    return text(host.arena().copy(as_request(host).loop().wall().log_time()));
}

VariableText get_time_iso8601(VariableHost& host, std::uintptr_t) {
    return text(host.arena().copy(as_request(host).loop().wall().iso8601()));
}

}  // namespace

void define_time_variables(Variables& variables) {
    variables.define("msec", get_msec, 0, Caching::never);
    variables.define("request_time", get_request_time, 0, Caching::never);
    variables.define("time_local", get_time_local, 0, Caching::never);
    variables.define("time_iso8601", get_time_iso8601, 0, Caching::never);
}

}  // namespace berth::http

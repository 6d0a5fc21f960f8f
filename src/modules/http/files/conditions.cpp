// Turning a response into a refusal.
#include "modules/http/files/conditions.hpp"

#include "modules/http/request.hpp"

namespace berth::http {

int refusal_by_conditions(Request& request) {
    if (request.in_error_page()) return 0;
    if (precondition_failed(request)) return 412;
    return range_refused(request) ? 416 : 0;
}

void drop_body(Request& request) {
    request.filter_body([](Request&, Chain& chain, bool, void*) { chain.clear(); }, nullptr);
}

}  // namespace berth::http

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

void refuse_in_head(Request& request, int status) {
    Response& out = request.out();
    out.status = status;
    out.reason = {};
    out.content_type = {};
    out.charset = {};
    out.content_length = 0;
    out.last_modified.reset();
    out.etag = {};
    out.accept_ranges = false;
    out.fields.remove(KnownHeader::content_encoding);
    drop_body(request);
}

}  // namespace berth::http

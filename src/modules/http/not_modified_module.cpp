// http_not_modified: conditional requests (RFC 9110 13): 304 and 412 instead of a 200.
#include "core/config/rows.hpp"
#include "core/module.hpp"
#include "modules/http/builder.hpp"
#include "modules/http/contexts.hpp"
#include "modules/http/files/conditions.hpp"
#include "modules/http/protocol/conditional.hpp"
#include "modules/http/request.hpp"

namespace berth {
namespace http {
namespace {

struct Conf {
    Setting<IfModifiedSince> if_modified_since{IfModifiedSince::exact};
};

// The fields of a 304 are those that a cache needs to renew what it has (RFC 9110 15.4.5).
void make_not_modified(Request& request) {
    Response& out = request.out();
    out.status = 304;
    out.reason = {};
    out.content_type = {};
    out.charset = {};
    out.content_length.reset();
    out.accept_ranges = false;
    out.fields.remove(KnownHeader::content_encoding);
    drop_body(request);
}

Precondition precondition(const Request& request, IfModifiedSince mode) {
    const RequestHead& head = request.head();
    const FieldList& fields = head.fields;
    const bool conditional = fields.has(KnownHeader::if_none_match) || fields.has(KnownHeader::if_match) ||
                             fields.has(KnownHeader::if_modified_since) ||
                             fields.has(KnownHeader::if_unmodified_since);
    if (!conditional) return Precondition::proceed;
    const Validators known{request.out().etag, request.out().last_modified};
    return evaluate_preconditions(head, request.head_bytes(), known, mode);
}

void filter_head(Request& request, const Conf& conf) {
    if (request.out().status != 200 || request.out().relayed || request.in_error_page()) return;
    switch (precondition(request, *conf.if_modified_since)) {
        case Precondition::proceed: return;
        case Precondition::not_modified: return make_not_modified(request);
        case Precondition::failed: return request.refuse_answer(412);
    }
}

}  // namespace

bool precondition_failed(const Request& request) {
    const Conf& conf = request.conf<Conf>();
    return precondition(request, *conf.if_modified_since) == Precondition::failed;
}

}  // namespace http

namespace {

using namespace berth::rows;

constexpr std::string_view kModes[] = {"off", "exact", "before"};

constexpr Directive directives[] = {
    choice<&http::Conf::if_modified_since>("if_modified_since", http::in_http, kModes,
                                           "When If-Modified-Since is answered with 304: never, when the "
                                           "date is exactly that of the response, or "
                                           "when it is that or later."),
};

}  // namespace

extern const Module http_not_modified = {
    .name = "http_not_modified",
    .directives = directives,
    .location = conf_of<http::Conf>(),
    .http = [](http::HttpBuilder& builder) { builder.header_filter<http::Conf, http::filter_head>(); }};

}  // namespace berth
